"""Finds incidents in a stream of scored texts. Pure: texts and times in, incidents out; no clock, storage or thread.

texts -> counts per step and series -> baseline -> tests with control of false alarms -> symptoms -> incidents.
"""

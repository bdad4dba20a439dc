"""Real sources: reads social platforms, feeds and files, and writes events of the contract.

Imports neither pyspark nor the other packages, so that a connector is one small process.

source -> run -> sink, then cursor
"""

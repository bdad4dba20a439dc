"""Writes the pages that follow from the code: the reference and the warehouse's data dictionary (`make reference`)."""

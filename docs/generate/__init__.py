"""Writes what follows from the code: the reference, the contracts and the data dictionary (`make reference`)."""

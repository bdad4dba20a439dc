"""The audit: what should be in each layer, worked out anew and compared with what is there.

Everything is reckoned in one DuckDB database on disk with bounded memory, from the ledger, the Delta tables' files and
the warehouse. None of the streaming application's code takes part, except the word lists of gold/terms_by_hour.
"""

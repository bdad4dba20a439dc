"""The audit computes again what each layer should hold, and compares it with what the layer holds.

It works in one DuckDB database on disk, with bounded memory, from the ledger, the files of the Delta tables and the
warehouse. It uses no code of the streaming application except the word lists of gold/terms_by_hour: shared code would
repeat its own mistakes.
"""

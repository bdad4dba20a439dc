"""The hops: one module, one query, one checkpoint each, named by what they do."""

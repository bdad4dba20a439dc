"""Delta tables: the only package that knows delta-rs and the JSON of Delta's log."""

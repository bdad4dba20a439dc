"""Delta tables without Spark: opened, read, appended to and merged into by delta-rs; the only parser of Delta's log."""

"""The streaming application: Kinesis to bronze, silver and gold Delta tables, warehouse and alerts."""

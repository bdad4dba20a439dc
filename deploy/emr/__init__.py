"""The job on EMR: its Spark settings with their reasons, the requests that start it, and a launcher of commands."""

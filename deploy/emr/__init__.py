"""The job on EMR: Spark settings with their reasons, and the requests that start it."""

"""The embedded services of the demo and the tests: started, adopted and stopped on one machine.

stack.py       all services of a working directory, started side by side, stopped in order
workdir.py     the working directory: every path in it, and its lock
aws.py         the emulated AWS (Kinesis, S3, SNS, SQS, CloudWatch); emulator.py is its process
postgres.py    the warehouse, a real PostgreSQL
pages.py       the web pages: dashboard and MLflow
services.py    starts a service or adopts a running one; processes.py and ports.py below it
jars.py        fetches Spark's jars; datasets.py fetches the labelled tweets
"""

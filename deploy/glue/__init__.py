"""The job on AWS Glue: the script that Glue starts, and the job's arguments."""

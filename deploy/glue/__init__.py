"""The job on AWS Glue: the same code behind an entry point of Glue's kind."""

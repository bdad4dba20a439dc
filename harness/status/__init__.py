"""`moodstream status --lake`: the state of any lake, on this machine or on S3, and of the job that writes it."""

"""Amazon Redshift through its Data API."""

"""A double of Redshift: its Data API and its COPY, by hand, on a real PostgreSQL."""

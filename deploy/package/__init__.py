"""`make package`: everything that a deployment uploads, with the same bytes for the same sources."""

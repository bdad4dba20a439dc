"""`make package`: builds the files that a deployment uploads; the same sources give the same bytes."""

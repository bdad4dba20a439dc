"""Retraction: deletions and edits of the stream take effect in silver, gold and the warehouse while it runs."""

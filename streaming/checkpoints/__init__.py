"""Checkpoints: which version of a hop wrote one, and how far its query has read."""

"""Checkpoints: which version of a hop wrote one, how far its query has read, whether it is damaged, and its repair."""

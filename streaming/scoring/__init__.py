"""Scoring in the stream: the registry, the champion, the challenger, and how both are judged."""

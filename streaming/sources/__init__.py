"""Where data comes from: one technology a module."""

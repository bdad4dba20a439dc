"""Training: from labelled texts to a registered version."""

"""Training: from labelled texts to a bundle that the scorer loads."""

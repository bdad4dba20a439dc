"""The mock platform: its users, their posts and reactions, episodes and load curves."""

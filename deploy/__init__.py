"""How Moodstream is deployed: one folder a target."""

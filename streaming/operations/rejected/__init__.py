"""`moodstream rejected`: lists rejected events and replays them after a fix."""

"""`moodstream rejected`: lists rejected events, and sends them again after a fix."""

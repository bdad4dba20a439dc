"""`moodstream erase`: removes a person's data from every layer."""

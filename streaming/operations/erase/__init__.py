"""`moodstream erase`: removes a person from every layer."""

"""`moodstream demo`: the whole system on this machine, live."""

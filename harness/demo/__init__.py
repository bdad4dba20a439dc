"""`moodstream demo`: the whole system on this machine, live; and `moodstream status`."""

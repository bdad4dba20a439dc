"""`moodstream backfill`: appends the events that a layer lacks."""

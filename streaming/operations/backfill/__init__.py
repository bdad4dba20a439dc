"""`moodstream backfill`: appends what a layer lacks."""

"""`moodstream quarantined`: lists the rows that hops left out, and brings them back after a fix."""

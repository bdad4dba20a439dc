"""The search for the next hostile record: made-up streams at and beyond every bound, through every layer."""

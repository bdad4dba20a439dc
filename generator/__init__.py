"""A mock social platform: simulates it, sends its events, and keeps the truth about them."""

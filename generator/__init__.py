"""A mock social platform: simulates it, sends its events, and records what must become of each."""

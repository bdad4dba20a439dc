"""One module a source. None of them writes anything: they yield batches of events."""

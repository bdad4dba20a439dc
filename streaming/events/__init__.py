"""The event contract: what a record on the stream may hold, and records that hold several events."""

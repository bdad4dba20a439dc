"""The tables: one module each with its schema, its keys and the pure transform that makes it."""

"""The warehouse: what every dialect promises, and one implementation for each."""

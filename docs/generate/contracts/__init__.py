"""The data contracts in the form of the Open Data Contract Standard: the events, and the tables of silver and gold."""

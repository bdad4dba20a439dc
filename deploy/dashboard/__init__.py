"""The dashboard of the demo: gold, live."""

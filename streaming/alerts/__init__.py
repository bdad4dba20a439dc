"""Alerts and metrics: the rules that find something wrong, and the services that carry the message."""

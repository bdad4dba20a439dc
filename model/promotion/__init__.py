"""Promotion: what a candidate must show before it serves, and the way back."""

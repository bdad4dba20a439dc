"""Loopback servers of the platforms' protocols, written from their public descriptions, with faults on request."""

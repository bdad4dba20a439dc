"""Compares how the job and the generator's reference validator, which share no code, read a record."""

from __future__ import annotations

from datetime import datetime

from generator.events.reference_validator import classify
from streaming.events.parse import Accepted, parse_record


class Disagrees(Exception):
    """The job and the reference validator do not agree about a record."""


def agree(data: bytes, arrival: datetime) -> None:
    """Raise Disagrees unless the job reads a record as the reference validator does."""
    expected = [
        (event.reason, event.event_id)
        for event in classify(data, arrival.timestamp()).expected
        if event.outcome != "erased"
    ]
    found = [
        (None if isinstance(event, Accepted) else event.reason, event.event_id) for event in parse_record(data, arrival)
    ]
    if found != expected:
        raise Disagrees(f"the job reads {found[:5]}, the reference validator {expected[:5]}")

"""The events of a record as bytes, and a record without the events of one person.

Event i here is the event with `record_index` i in `parse.parse_record`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from streaming.events.contract import ERASED
from streaming.events.kpl import aggregate, user_records
from streaming.events.parse import event_texts

PEOPLE = ("user_id", "user1_id", "user2_id")


def split_events(data: bytes) -> list[bytes]:
    """The JSON text of each event of the record; bytes that are not JSON count as one event and stay unchanged."""
    return [text for part in user_records(data) for text, _ in _events(part)]


class Person:
    """Finds and removes the events that concern one person: the events of that user, those with it as `user2_id`, and
    deletions of the user.

    Bytes that are not JSON concern the person if they contain the id as a whole word, or if `partition_key`, by which
    the sender is known, is the id.
    """

    def __init__(self, user: str) -> None:
        self.user = user
        self._whole_word = re.compile(rb"(?<![\w-])" + re.escape(user.encode()) + rb"(?![\w-])")

    def concerned(self, data: bytes, partition_key: str | None) -> list[int]:
        """The indices of the events of a record that concern the person."""
        own = partition_key == self.user
        events = [event for part in user_records(data) for event in _events(part)]
        return [index for index, (text, value) in enumerate(events) if self._is_theirs(text, value, own)]

    def removed_from(self, data: bytes, partition_key: str | None) -> bytes | None:
        """The record without the events that concern the person; None if no other event is left.

        The other events keep their indices: ERASED takes the place of each removed one.
        """
        own = partition_key == self.user
        parts = [self._without(part, own) for part in user_records(data)]
        if not any(others for _, others in parts):
            return None
        return parts[0][0] if len(parts) == 1 else aggregate([part for part, _ in parts])

    def _without(self, part: bytes, own: bool) -> tuple[bytes, bool]:
        """The part without the person's events, and whether it still holds an event of anybody else."""
        events = list(_events(part))
        theirs = [self._is_theirs(text, value, own) for text, value in events]
        others = any(not gone and value != ERASED for gone, (_, value) in zip(theirs, events, strict=True))
        if not any(theirs):
            return part, others
        gap = orjson.dumps(ERASED)
        kept = [gap if gone else text for gone, (text, _) in zip(theirs, events, strict=True)]
        return b"[" + b",".join(kept) + b"]", others

    def _is_theirs(self, text: bytes, value: Any, own: bool) -> bool:
        if value is None:
            return own or bool(self._whole_word.search(text))
        if value == ERASED:
            return False
        payload = value.get("payload") if isinstance(value, dict) else None
        if isinstance(payload, dict) and payload.get("target_type") == "user":
            return bool(payload.get("target_id") == self.user)
        if isinstance(payload, dict) and any(name in payload for name in PEOPLE):
            return any(payload.get(name) == self.user for name in PEOPLE)
        # An event that breaks the contract may name the person anywhere.
        return any(found == self.user for found in _named(value))


def _events(part: bytes) -> Iterator[tuple[bytes, Any]]:
    """Each event of a user record as JSON text and as a value; the value is None if the part is not JSON."""
    try:
        value = orjson.loads(part)
    except orjson.JSONDecodeError:
        yield part, None
        return
    if isinstance(value, list) and value:
        for event, text in zip(value, event_texts(part.decode()), strict=True):
            yield text.encode(), event
    else:
        yield part, value


def _named(value: Any) -> Iterator[Any]:
    """The values, at any depth, of all fields that name a person."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in PEOPLE:
                yield inner
            yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)

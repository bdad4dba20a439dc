"""A record's events as bytes, and a record without those of one person.

The places are those of `events.parse_record`: element i here is the event with `record_index` i there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from streaming.events.contract import ERASED, element_texts
from streaming.events.kpl import aggregated, user_records

PEOPLE = ("user_id", "user1_id", "user2_id")


def elements(data: bytes) -> list[bytes]:
    """Each event of the record as bytes of its own; what cannot be read is one element as it is."""
    return [element for part in user_records(data) for element, _ in _elements(part)]


class Person:
    """Tells what of a record concerns one person: what they did, and what was done with them as `user2_id`."""

    def __init__(self, user: str) -> None:
        self.user = user
        # In what is no JSON only the id itself can tell, where it is not a part of another one.
        self._token = re.compile(rb"(?<![\w-])" + re.escape(user.encode()) + rb"(?![\w-])")

    def concerned(self, data: bytes, partition_key: str | None) -> list[int]:
        """The indices of the person's events in a record. Who put unreadable bytes is told by the partition key."""
        own = partition_key == self.user
        parts = [found for part in user_records(data) for found in _elements(part)]
        return [index for index, (element, value) in enumerate(parts) if self._is_theirs(element, value, own)]

    def removed_from(self, data: bytes, partition_key: str | None) -> bytes | None:
        """The record without the person's events, the others in their places; None where no other is left."""
        own = partition_key == self.user
        parts = [self._without(part, own) for part in user_records(data)]
        if not any(rest for _, rest in parts):
            return None
        return parts[0][0] if len(parts) == 1 else aggregated([part for part, _ in parts])

    def _without(self, part: bytes, own: bool) -> tuple[bytes, bool]:
        """The part without their events, and whether any other is left in it."""
        found = list(_elements(part))
        theirs = [self._is_theirs(element, value, own) for element, value in found]
        left = any(not gone and value != ERASED for gone, (_, value) in zip(theirs, found, strict=True))
        if not any(theirs):
            return part, left
        gap = orjson.dumps(ERASED)
        kept = [gap if gone else element for gone, (element, _) in zip(theirs, found, strict=True)]
        return b"[" + b",".join(kept) + b"]", left

    def _is_theirs(self, element: bytes, value: Any, own: bool) -> bool:
        if value is None:
            return own or bool(self._token.search(element))
        if value == ERASED:
            return False
        payload = value.get("payload") if isinstance(value, dict) else None
        if isinstance(payload, dict) and any(name in payload for name in PEOPLE):
            return any(payload.get(name) == self.user for name in PEOPLE)
        # An event that breaks the contract may name them anywhere.
        return any(found == self.user for found in _named(value))


def _elements(part: bytes) -> Iterator[tuple[bytes, Any]]:
    """Each element with its JSON value, None where it is unreadable."""
    try:
        value = orjson.loads(part)
    except orjson.JSONDecodeError:
        yield part, None
        return
    if isinstance(value, list) and value:
        for element, text in zip(value, element_texts(value, part.decode()), strict=True):
            yield text.encode(), element
    else:
        yield part, value


def _named(value: Any) -> Iterator[Any]:
    """Every value, at any depth, of a field that names a person."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in PEOPLE:
                yield inner
            yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)

"""Deletions of what the platform has sent, and edits of it, mixed into a simulation.

Some come as real streams bring them: a deletion before its item, twice, or of an item that nobody has seen; an edit
that is older than the version that came before it.
"""

from __future__ import annotations

import json
from collections import deque
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.events.encoder import encode, quote
from generator.events.records import Event, Expected, Record

if TYPE_CHECKING:
    from generator.simulation import Simulation

IDS = {"post": "post_id", "comment": "comment_id", "interaction": "interaction_id"}
REMEMBERED = 2_000  # items that may still be deleted or edited, drawn evenly from the whole run
EARLY, AGAIN, UNKNOWN = 0.05, 0.05, 0.05  # shares of the deletions
TRIES = 50  # draws of an item until it is a text
OLDER = 0.1  # share of the edits that are older than what they edit


class Item(NamedTuple):
    """An event that was sent, as far as a later one about it needs it."""

    kind: str
    item_id: str
    payload: dict[str, Any]
    actor: str
    at: float


class Changes:
    """A simulation in which `deletions` and `edits` (shares of all records) concern earlier events.

    Deterministic in the seed and the simulation. With shares of 0 it gives the simulation's own records.
    """

    def __init__(self, simulation: Simulation, seed: str, deletions: float, edits: float) -> None:
        self._simulation = simulation
        self._rng = Random(seed)
        self._deletions, self._edits = deletions, edits
        self._items: list[Item] = []
        self._deleted: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        self._held: deque[Record] = deque()
        self._seen = 0

    def next(self, at: float) -> Record:
        """Return the record that is sent at epoch second `at`."""
        if self._held:
            return self._held.popleft()
        draw = self._rng.random()
        if draw < self._deletions and self._items:
            return self._deletion(at)
        if draw < self._deletions + self._edits and (text := self._a_text()) is not None:
            return self._edit(text, at)
        return self._remember(self._simulation.next(at), at)

    def _deletion(self, at: float) -> Record:
        draw = self._rng.random()
        if draw < EARLY:
            later = self._simulation.next(at)
            self._held.append(later)
            if item := _item(later, at):
                return self._deleting(item.kind, item.item_id, at)
        if draw < EARLY + AGAIN and self._deleted:
            return self._deleting(*self._rng.choice(self._deleted), at)
        if draw < EARLY + AGAIN + UNKNOWN:
            return self._deleting(self._rng.choice(tuple(IDS)), f"unseen-{self._new_id()}", at)
        item = self._items.pop(self._rng.randrange(len(self._items)))
        return self._deleting(item.kind, item.item_id, at)

    def _deleting(self, kind: str, item_id: str, at: float) -> Record:
        self._deleted.append((kind, item_id))
        payload = f'{{"target_type":"{kind}","target_id":{quote(item_id)}}}'
        return self._record(Event("deletion", self._new_id(), item_id, at, payload), "deletion")

    def _edit(self, item: Item, at: float) -> Record:
        """The item with another one's words; a late one is older than the version that it meets."""
        other = self._a_text() or item
        older = self._rng.random() < OLDER
        text = f"{other.payload['text']} #edited"
        payload = json.dumps({**item.payload, "text": text[:10_000]}, ensure_ascii=False, separators=(",", ":"))
        then = item.at - self._rng.uniform(1, 60) if older else max(at, item.at + 0.001)
        return self._record(Event(item.kind, self._new_id(), item.actor, then, payload), "edit")

    def _record(self, event: Event, change: str) -> Record:
        expected = Expected(event.event_id, event.kind, "silver", None, False, change)
        return Record(encode(event, schema_version=2).encode(), event.actor, (expected,))

    def _a_text(self) -> Item | None:
        """A post or comment by chance; None if there is hardly any."""
        drawn = (self._rng.choice(self._items) for _ in range(TRIES if self._items else 0))
        return next((item for item in drawn if "text" in item.payload), None)

    def _remember(self, record: Record, at: float) -> Record:
        """Keep an even sample of the items that may still be changed."""
        if (item := _item(record, at)) is None:
            return record
        self._seen += 1
        if len(self._items) < REMEMBERED:
            self._items.append(item)
        elif (slot := self._rng.randrange(self._seen)) < REMEMBERED:
            self._items[slot] = item
        return record

    def _new_id(self) -> str:
        return f"{self._rng.getrandbits(128):032x}"


def _item(record: Record, at: float) -> Item | None:
    """The item of a plain record; None for all others: arrays, profiles, duplicates, what is malformed."""
    [first, *more] = record.expected
    if more or first.outcome != "silver" or first.duplicate or first.entity not in IDS:
        return None
    try:
        payload = json.loads(record.data)["payload"]
    except (ValueError, TypeError, KeyError):  # aggregated records are no JSON
        return None
    return Item(first.entity, payload[IDS[first.entity]], payload, record.key, at)

"""Simulates records: the events of the mock platform, with the dirt that real streams carry.

Each record carries what must become of each of its events, for the ledger and the audit.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, fields
from random import Random
from typing import TYPE_CHECKING

from generator.events.encoder import encode, quote, timestamp
from generator.events.kpl import aggregate
from generator.events.malformed import spoil
from generator.events.records import (
    MAX_RECORD,
    Event,
    Expected,
    Record,
)
from generator.platform.network import Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from generator.platform.running_episodes import RunningEpisodes

LATEST = 6 * 3600.0  # the greatest lateness, seconds
NEAR = 200  # records back that a near duplicate comes from
FAR = 2_000  # records kept, drawn evenly from the whole run, that far duplicates come from
PUNCTUAL = 1.0  # seconds; what is older on arrival is labelled late


KINESIS_AGGREGATED = 0.001  # share of KPL-aggregated records in a run into Kinesis, unless a scenario sets it


@dataclass(frozen=True)
class Dirt:
    """Shares of all records (0..1) that are not plain events; `total` is at most 1."""

    duplicate_near: float = 0.005
    duplicate_far: float = 0.003
    late: float = 0.008
    out_of_order: float = 0.005
    malformed: float = 0.005
    unusual: float = 0.005  # valid, but not as usual: version 2, newer schema, unknown fields, escapes, long texts
    array: float = 0.002  # several events in one record
    aggregated: float = 0.0  # KPL-aggregated records: binary, so not for files
    oversize: float = 0.0  # records that Kinesis refuses

    @property
    def total(self) -> float:
        """The share of records that are dirty in any way."""
        return float(sum(getattr(self, f.name) for f in fields(self)))

    def scaled_to(self, rate: float) -> Dirt:
        """Return the same mix with another total."""
        factor = rate / self.total if self.total else 0.0
        return Dirt(**{f.name: getattr(self, f.name) * factor for f in fields(self)})


class Simulation:
    """Simulates an endless sequence of records.

    Deterministic in (seed, run, users, dirt) and the times passed to `next`. `seed` fixes the
    users; `run` seeds their actions, so runs with different names never share an event id.
    """

    def __init__(
        self,
        seed: int,
        run: str,
        users: int,
        dirt: Dirt,
        running: RunningEpisodes | None = None,
        texts: Sequence[tuple[str, str]] = (),
    ) -> None:
        """`running`: the run's episodes. `texts`: (text, mood) pairs that posts are also taken from."""
        self._rng = Random(f"{seed}/{run}/dirt")
        self._random = self._rng.random
        acts = Random(f"{seed}/{run}/acts")
        self._platform = Platform(Random(f"{seed}/cast"), acts, users, running, texts)
        self._near: deque[Record] = deque(maxlen=NEAR)
        self._far: list[Record] = []
        self._seen = 0
        self._dirt_total = dirt.total
        self._table: list[tuple[float, Callable[[float], Record]]] = []
        reached = 0.0
        for field in fields(dirt):
            reached += getattr(dirt, field.name)
            self._table.append((reached, getattr(self, f"_{field.name}")))

    def next(self, at: float) -> Record:
        """Return the record that is sent at epoch second `at`."""
        draw = self._random()
        if draw < self._dirt_total and self._near:
            for reached, make in self._table:
                if draw < reached:
                    return make(at)
        return self._keep(self._plain(self._platform.step(at)))

    def _plain(self, event: Event, dirt: str | None = None, text: str | None = None) -> Record:
        expected = Expected(event.event_id, event.kind, "silver", None, False, dirt,
                            event.mood, event.topic, event.episode)  # fmt: skip
        return Record((text or encode(event)).encode(), event.actor, (expected,))

    def _keep(self, record: Record) -> Record:
        """Remember a valid record for duplicates: the last ones, and an even sample of all."""
        self._near.append(record)
        self._seen += 1
        if len(self._far) < FAR:
            self._far.append(record)
        else:
            slot = int(self._random() * self._seen)
            if slot < FAR:
                self._far[slot] = record
        return record

    def _again(self, record: Record, dirt: str) -> Record:
        truth = tuple(e._replace(duplicate=True, dirt=dirt) for e in record.expected)
        return record._replace(expected=truth)

    def _duplicate_near(self, _at: float) -> Record:
        return self._again(self._rng.choice(self._near), "duplicate_near")

    def _duplicate_far(self, _at: float) -> Record:
        return self._again(self._rng.choice(self._far), "duplicate_far")

    def _late(self, at: float) -> Record:
        lateness = 60.0 * (LATEST / 60.0) ** self._random()
        event = self._platform.step(at, lateness)
        return self._keep(self._plain(event, "late" if at - event.at > PUNCTUAL else None))

    def _out_of_order(self, at: float) -> Record:
        event = self._platform.step(at)
        back = 2.0 + 28.0 * self._random()
        return self._keep(self._plain(event._replace(at=event.at - back), "out_of_order"))

    def _malformed(self, at: float) -> Record:
        valid = self._rng.choice(self._near)
        text = encode(self._template(valid, at))
        spoiled = spoil(text, self._platform.new_id(), self._rng)
        truth = Expected(spoiled.event_id, spoiled.entity, "rejected", spoiled.reason, dirt="malformed")
        return Record(spoiled.data, valid.key, (truth,))

    def _template(self, valid: Record, at: float) -> Event:
        """An event to spoil: made up, so that nothing valid ever refers to a rejected one."""
        rng, user = self._rng, quote(valid.key)
        kind = rng.choice(("post", "comment", "user", "interaction"))
        number = f"{rng.getrandbits(64):016x}"
        payload = {
            "post": f'{{"post_id":"p-{number}","user_id":{user},"text":"fine"}}',
            "comment": f'{{"comment_id":"c-{number}","post_id":"p-0","user_id":{user},"text":"ok"}}',
            "user": f'{{"user_id":{user},"user_name":"x","user_age":30,"user_location":"y"}}',
            "interaction": f'{{"interaction_id":"i-{number}","user1_id":{user},"user2_id":{user},"action":"like"}}',
        }[kind]
        return Event(kind, number, valid.key, at, payload)

    def _unusual(self, at: float) -> Record:
        event = self._platform.step(at)
        text = self._rng.choice(UNUSUAL)(event)
        return self._keep(self._plain(event, "unusual", text))

    def _array(self, at: float) -> Record:
        """Two to five events in one record; one in four arrays holds one that must be rejected."""
        events = [self._plain(self._platform.step(at), "array") for _ in range(self._rng.randint(2, 5))]
        parts = [r.data for r in events]
        truth = [r.expected[0] for r in events]
        if self._random() < 0.25:
            place = self._rng.randint(0, len(parts))
            parts.insert(place, b"null")
            truth.insert(place, Expected(None, None, "rejected", "wrong_type", dirt="array"))
        return Record(b"[" + b",".join(parts) + b"]", events[0].key, tuple(truth))

    def _aggregated(self, at: float) -> Record:
        parts = [self._plain(self._platform.step(at), "aggregated") for _ in range(self._rng.randint(2, 20))]
        data = aggregate([(r.key, r.data) for r in parts])
        return Record(data, parts[0].key, tuple(r.expected[0] for r in parts))

    def _oversize(self, at: float) -> Record:
        event = Event("post", self._platform.new_id(), "u000000", at, "{}")
        payload = f'{{"post_id":"p-{event.event_id}","user_id":"u000000","text":"{"a" * MAX_RECORD}"}}'
        truth = Expected(event.event_id, "post", "rejected", "text_too_long", dirt="oversize")
        return Record(encode(event._replace(payload=payload)).encode(), event.actor, (truth,))


def _newer_schema(event: Event) -> str:
    return encode(event, schema_version=2)[:-1] + ',"trace":{"client":"ios","build":412}}'


def _version_2(event: Event) -> str:
    """Version 2 of the contract: the platform's name, the language of a text, people who tell nothing of themselves."""
    payload = json.loads(event.payload)
    if event.kind in ("post", "comment"):
        payload["lang"] = "en"
    elif event.kind == "user":
        payload |= {"user_age": None, "user_location": None}
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return encode(event._replace(payload=text), schema_version=2)[:-1] + ',"source":"mock"}'


def _unknown_fields(event: Event) -> str:
    return encode(event)[:-1] + ',"source":"mobile","tags":["a",null,1.5]}'


def _other_order(event: Event) -> str:
    """Payload first, and white space where JSON allows it."""
    return (
        f' {{ "payload" : {event.payload} , "event_time" : "{timestamp(event.at)}",\t'
        f'"schema_version":1, "event_type":"{event.kind}", "event_id":"{event.event_id}" }} '
    )


def _escaped(event: Event) -> str:
    """Everything beyond ASCII as escapes, an emoji as its pair of surrogates."""
    return "".join(c if ord(c) < 128 else _escape(c) for c in encode(event))


def _escape(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _offset_time(event: Event) -> str:
    """The same instant, written with an offset and microseconds."""
    shifted = timestamp(event.at + 5.5 * 3600)[:-1]
    return encode(event).replace(f'"{timestamp(event.at)}"', f'"{shifted}000+05:30"', 1)


UNUSUAL: tuple[Callable[[Event], str], ...] = (
    _version_2,
    _newer_schema,
    _unknown_fields,
    _other_order,
    _escaped,
    _offset_time,
)

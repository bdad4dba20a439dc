"""Hostile records and streams of them, as strategies of Hypothesis. A stream is replayed by the seed of its run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

from generator.events.kpl import DIGEST, MAGIC, aggregate
from harness.chaos.hostile import values

START = datetime(2026, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
PAYLOADS: Mapping[str, Mapping[str, Any]] = {
    "post": {"post_id": values.ids(), "user_id": values.ids(), "text": values.texts(), "lang": values.short_codes()},
    "comment": {
        "comment_id": values.ids(),
        "post_id": values.ids(),
        "user_id": values.ids(),
        "text": values.texts(),
        "lang": values.short_codes(),
    },
    "user": {
        "user_id": values.ids(),
        "user_name": values.names(),
        "user_age": values.ages(),
        "user_location": values.names(),
    },
    "interaction": {
        "interaction_id": values.ids(),
        "user1_id": values.ids(),
        "user2_id": values.ids(),
        "action": st.sampled_from(("like", "comment", "share", "LIKE", "like ", "", None, 1)),
        "post_id": values.ids() | st.none(),
    },
    "deletion": {
        "target_type": st.sampled_from(("post", "comment", "interaction", "user", "Post", "story", "", None, 1)),
        "target_id": values.ids(),
    },
}
PLAIN: Mapping[str, Any] = {
    "post_id": "p1", "comment_id": "c1", "interaction_id": "i1", "user_id": "u1", "user1_id": "u1", "user2_id": "u2",
    "text": "what a good day", "lang": "en", "user_name": "Ada", "user_age": 36, "user_location": "Oslo",
    "action": "like", "target_type": "post", "target_id": "p1",
}  # fmt: skip
# JSON that is no field of the contract, at the limits of what parsers take.
EXTRAS = (
    *('"x":1e308', '"x":1e309', '"x":-0', '"x":-0.0', '"x":1e-999', f'"x":{"9" * 308}', f'"x":{"9" * 309}', '"x":NaN'),
    *(f'"x":{"[" * depth}{"]" * depth}' for depth in (500, 1021, 1022, 1023, 1024)),
    *(
        '"x":"\\ud83d"',
        '"x":"\\ude00\\ud83d"',
        '"x":"\\ud83d\\ude00"',
        '"\\ud83d":1',
        '"x":"\\u0000"',
        '"":0',
        '"x":01',
    ),
    *(
        '"event_id":"twice"',
        '"event\\u005fid":"escaped"',
        '"payload":null',
        '"schema_version":-0',
        '"schema_version":2E0',
    ),
    *(
        '"x":"/* { [ , ] } */"',
        '"x":"\\"],["',
        '"x":[{}],"y":{"payload":[]}',
        '"x":"\\x"',
        '"x":\t1',
        '"x":"\t"',
        '"x":[1,]',
    ),
)


class Arrived(NamedTuple):
    """A record as it arrives."""

    data: bytes
    arrival: datetime
    partition_key: str


def events(arrival: datetime) -> st.SearchStrategy[Any]:
    """An event in which some fields are hostile; most are accepted, for what is rejected goes no further."""

    @st.composite
    def event(draw: st.DrawFn) -> dict[str, Any]:
        kind = draw(st.sampled_from(("post", "post", "comment", "user", "interaction", "deletion")))
        strategies = PAYLOADS[kind]
        hostile = draw(st.sets(st.sampled_from(sorted(strategies)), max_size=2))
        payload = {name: draw(each) if name in hostile else PLAIN[name] for name, each in strategies.items()}
        if draw(st.integers(0, 9)) == 0:
            payload.pop(draw(st.sampled_from(sorted(payload))))
        envelope: dict[str, Any] = {
            "event_id": f"e{draw(st.integers(0, 2**32))}",
            "event_type": kind,
            "schema_version": 2,
            "event_time": arrival.isoformat(),
            "payload": payload,
        }
        return {**envelope, **draw(_overrides(arrival))}

    return event()


def _overrides(arrival: datetime) -> st.SearchStrategy[dict[str, Any]]:
    """Hostile fields of the envelope."""
    often: dict[str, st.SearchStrategy[Any]] = {
        "event_time": values.times(arrival),
        "event_id": values.ids(),
        "schema_version": values.versions(),
        "source": values.short_codes(),
    }
    seldom: dict[str, st.SearchStrategy[Any]] = {
        "event_type": st.sampled_from(("Post", "story", "erased", "rejected", "", None, 1)),
        "payload": st.sampled_from((None, [], "{}", 1, {})),
    }
    one = [st.fixed_dictionaries({name: each}) for name, each in often.items()]
    return st.one_of(
        st.just({}), st.just({}), *one, *one, *(st.fixed_dictionaries({name: each}) for name, each in seldom.items())
    )


@st.composite
def event_bytes(draw: st.DrawFn, arrival: datetime) -> bytes:
    """An event as JSON, in different spellings, sometimes with something more in it."""
    ascii_only, spread = draw(st.booleans()), draw(st.integers(0, 5)) == 0
    text = json.dumps(draw(events(arrival)), ensure_ascii=ascii_only, indent=1 if spread else None)
    if draw(st.integers(0, 5)) == 0:
        text = f"{text.rstrip()[:-1]},{draw(st.sampled_from(EXTRAS))}}}"
    return text.encode("utf-8", "surrogatepass")


@st.composite
def arrays(draw: st.DrawFn, arrival: datetime) -> bytes:
    """An array of events and of what is none, up to and beyond 10,000."""
    inner = event_bytes(arrival) | st.sampled_from(
        (b"1", b"null", b"{}", b"[]", b'{"event_type":"erased"}', b"", b"\xff")
    )
    parts = draw(st.lists(inner, max_size=5))
    if draw(st.integers(0, 19)) == 0:
        parts += [draw(st.sampled_from((b"1", b"{}", b'{"event_type":"erased"}')))] * (
            draw(st.sampled_from((10_000, 10_001))) - len(parts)
        )
    return b"[" + draw(st.sampled_from((b",", b" ,\n"))).join(parts) + b"]"


@st.composite
def aggregates(draw: st.DrawFn, arrival: datetime) -> bytes:
    """A KPL aggregate of records, whole or with fields of the protocol buffer that nobody expects."""
    parts = draw(st.lists(event_bytes(arrival) | arrays(arrival) | st.binary(max_size=4), max_size=4))
    packed = aggregate([("u", part) for part in parts])
    damage = draw(st.sampled_from((b"", b"", b"", *STRANGE_FIELDS)))
    body = packed[len(MAGIC) : -DIGEST] + damage
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    cut = draw(st.sampled_from((0, 0, 0, 1, 16, 17)))
    whole = MAGIC + body + digest
    return whole[: len(whole) - cut]


# Appended to an aggregate's protocol buffer: numbers, groups, fixed widths, a record with its data twice or none, a
# field that is not whole, one of number 0.
STRANGE_FIELDS = (
    *(
        b"\x20\x01",
        b"\x25\x00\x00\x00\x00",
        b"\x21" + b"\0" * 8,
        b"\x23\x24",
        b"\x23",
        b"\x1a\x00",
        b"\x1a\x02\x08\x00",
    ),
    *(b"\x1a\x06\x1a\x01a\x1a\x01b", b"\x1a\x02\x18\x01", b"\x18\x01", b"\x02\x00", b"\x1a\x7f", b"\xff" * 11, b"\x1a"),
    *(b"\x0a\x01\xff", b"\x9a\x80\x80\x80\x00\x00", b"\x1a\x07\x25\0\0\0\0\x1a\x00", b"\x1b\x1c"),
)


@st.composite
def damaged(draw: st.DrawFn, arrival: datetime) -> bytes:
    """An event of which some bytes are others, or which is cut off or not alone."""
    data = bytearray(draw(event_bytes(arrival)))
    for _ in range(draw(st.integers(0, 2))):
        data[draw(st.integers(0, len(data) - 1))] = draw(
            st.sampled_from((0, 9, 0x22, 0x5C, 0x7F, 0x80, 0xC0, 0xED, 0xF4, 0xFF))
        )
    before = draw(st.sampled_from((b"", b" \r\n", b"\xef\xbb\xbf", b"\0", MAGIC)))
    after = draw(st.sampled_from((b"", b"\n", b"\0", b"x", b"{}")))
    return before + bytes(data) + after


def records(arrival: datetime) -> st.SearchStrategy[bytes]:
    """One record: mostly an event by itself."""
    single = event_bytes(arrival)
    others = (arrays(arrival), aggregates(arrival), damaged(arrival), st.binary(max_size=8))
    return st.one_of(single, single, single, single, *others)


@st.composite
def streams(draw: st.DrawFn, size: int = 40) -> list[Arrived]:
    """Up to `size` records in the order of their arrival; some of them come again."""
    found: list[Arrived] = []
    arrival = START
    for _ in range(draw(st.integers(1, size))):
        arrival += timedelta(microseconds=draw(st.sampled_from((0, 1, 999, 1_000, 999_999))))
        key = draw(st.sampled_from(("u1", "u1 ", "😀", "x" * 256)))
        again = found and draw(st.integers(0, 9)) == 0
        data = draw(st.sampled_from(found)).data if again else draw(records(arrival))
        found.append(Arrived(data, arrival, key))
    return found

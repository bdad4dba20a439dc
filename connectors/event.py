"""Events of the contract, version 2, from what a source says.

Every event here is one that the job accepts: texts lose what JSON or a database cannot hold, times are sane, ids are
derived from the source's own.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import orjson

from connectors.identifiers import identifier

SCHEMA_VERSION = 2
MAX_TEXT = 10_000  # code points
MAX_KEY = 256  # characters of a partition key that Kinesis takes
EARLIEST_US = 946_684_800_000_000  # 2000: a time before it is a broken clock, not an old item
TOLERATED_US = 120_000_000  # microseconds that a client's clock may be ahead without being counted as wrong
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*\Z")

Kind = Literal["post", "comment", "user", "interaction", "deletion"]
Action = Literal["like", "comment", "share"]


class Event(NamedTuple):
    """One event as it is written: `data` is its JSON, `key` the partition key, `at_us` epoch microseconds."""

    kind: Kind
    event_id: str
    key: str
    data: bytes
    at_us: int


class SkippedItem(Exception):
    """Raised for an item that the contract has no event for; the message is the reason that is counted."""


class Time(NamedTuple):
    """An event time in epoch microseconds; `corrected` if the source's own claim was nonsense."""

    us: int
    corrected: bool


def event_time(claimed: object, received_us: int) -> Time:
    """The time that an item claims (ISO 8601; without an offset it is UTC), or when the source received it.

    An item cannot be younger than its arrival, so a claim ahead of it becomes the arrival; it counts as corrected only
    if it is ahead by more than two minutes. An unreadable claim, or one before 2000, is corrected too.
    """
    us = microseconds(claimed)
    if us is None or us < EARLIEST_US:
        return Time(received_us, claimed is not None)
    return Time(min(us, received_us), us > received_us + TOLERATED_US)


def microseconds(text: object) -> int | None:
    """Epoch microseconds of an ISO 8601 time; None if it is none."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text.strip())
        return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None


def iso(us: int) -> str:
    """Write epoch microseconds as the contract does: with milliseconds, or with microseconds where there are any."""
    time = _EPOCH + timedelta(microseconds=us)
    return time.isoformat(timespec="microseconds" if us % 1000 else "milliseconds")[:-6] + "Z"


def clean(text: str) -> str:
    """The text without NUL and lone surrogates, which JSON or a database cannot hold."""
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    return text


def language(tag: object) -> str | None:
    """A BCP 47 tag as it stands, or None if it is none."""
    return tag if isinstance(tag, str) and _LANGUAGE.match(tag) else None


class Events:
    """Makes the events of one source.

    An item's id comes from `item`; `version` distinguishes the states of one item (a hash, a revision, a time), so that
    a state that the source repeats gives the same event id. Times are epoch microseconds. Fields that the contract does
    not know go into the payload too; None is left out.
    """

    def __init__(self, source: str) -> None:
        self.source = source

    def item(self, name: str) -> str:
        """The id of an item that the source calls `name`."""
        return identifier(self.source, name)

    def post(
        self, item: str, user: str, text: str, *, version: str, at: int, lang: object = None, **more: Any
    ) -> Event:
        """A post, or its edit; raises SkippedItem if it has no text."""
        payload = {"post_id": item, "user_id": user, **self._text(text), "lang": language(lang), **more}
        return self._event("post", item, version, at, user, payload)

    def comment(
        self, item: str, post: str, user: str, text: str, *, version: str, at: int, lang: object = None, **more: Any
    ) -> Event:
        """A comment on a post, or its edit; raises SkippedItem if it has no text."""
        payload = {
            "comment_id": item,
            "post_id": post,
            "user_id": user,
            **self._text(text),
            "lang": language(lang),
            **more,
        }
        return self._event("comment", item, version, at, user, payload)

    def interaction(
        self, item: str, user: str, author: str, action: Action, *, version: str, at: int, post: str | None = None
    ) -> Event:
        """`user` likes or shares something of `author`."""
        payload = {"interaction_id": item, "user1_id": user, "user2_id": author, "action": action, "post_id": post}
        return self._event("interaction", item, version, at, user, payload)

    def user(self, user: str, name: str, *, version: str, at: int, **more: Any) -> Event:
        """A profile. Platforms give neither age nor place, so both are left out."""
        return self._event("user", user, version, at, user, {"user_id": user, "user_name": clean(name) or user, **more})

    def deletion(self, target: str, item: str, *, version: str, at: int, user: str | None = None) -> Event:
        """Somebody took a post, comment, interaction or user back. `user`: whose it was, for the partition key only."""
        payload = {"target_type": target, "target_id": item}
        return self._event("deletion", item, f"{target}:{version}", at, user or item, payload)

    def _text(self, text: str) -> dict[str, Any]:
        text = clean(text)
        if not text.strip():
            raise SkippedItem("empty_text")
        return {"text": text} if len(text) <= MAX_TEXT else {"text": text[:MAX_TEXT], "text_length": len(text)}

    def _event(self, kind: Kind, item: str, version: str, at: int, user: str, payload: dict[str, Any]) -> Event:
        event_id = identifier(self.source, kind, item, version)
        event = {
            "event_id": event_id,
            "event_type": kind,
            "schema_version": SCHEMA_VERSION,
            "event_time": iso(at),
            "source": self.source,
            "payload": {name: value for name, value in payload.items() if value is not None},
        }
        return Event(kind, event_id, user[:MAX_KEY], orjson.dumps(event), at)

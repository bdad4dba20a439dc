"""What a Jetstream frame means: kinds commit, identity and account, as version 1 writes them.

A delete names a record without saying whether it was a post or a reply. Where the create was seen it is known;
otherwise both are deleted, since an id is only ever one of them.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from connectors.event import EARLIEST_US, Action, Event, Events, SkippedItem, event_time
from connectors.identifiers import Recent

POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
REPOST = "app.bsky.feed.repost"
PROFILE = "app.bsky.actor.profile"
COLLECTIONS = (POST, LIKE, REPOST, PROFILE)
ACTIONS: dict[str, Action] = {LIKE: "like", REPOST: "share"}
MALFORMED = "malformed"
LATEST_US = 253_402_300_799_000_000  # the year 9999
AHEAD_US = 3_600_000_000


class Frames:
    """Translates frames, and remembers which of the last records were posts and which were replies."""

    def __init__(self) -> None:
        self._make = Events("bluesky")
        self._posts, self._comments = Recent(), Recent()

    def events(self, frame: Any, corrected: Counter[str]) -> list[Event]:
        """The events of one parsed frame; raises SkippedItem with a reason if there is none.

        A frame whose reason is not `malformed` has a valid `time_us`.
        """
        did, time_us = _text(frame, "did"), sane_arrival(_integer(frame, "time_us"), corrected)
        kind = frame.get("kind")
        if kind == "commit":
            return self._commit(did, time_us, _object(frame, "commit"), corrected)
        if kind == "account":
            return self._account(did, time_us, _object(frame, "account"))
        raise SkippedItem("identity" if kind == "identity" else "unknown_kind")

    def _commit(self, did: str, time_us: int, commit: dict[str, Any], corrected: Counter[str]) -> list[Event]:
        operation, collection = _text(commit, "operation"), _text(commit, "collection")
        uri = f"at://{did}/{collection}/{_text(commit, 'rkey')}"
        if collection not in COLLECTIONS:
            raise SkippedItem("other_collection")
        if operation == "delete":
            return self._deleted(did, time_us, collection, uri, str(commit.get("rev") or time_us))
        if operation not in ("create", "update"):
            raise SkippedItem("unknown_operation")
        record = _object(commit, "record")
        version = str(commit.get("cid") or commit.get("rev") or time_us)
        created = event_time(record.get("createdAt"), time_us)
        if operation == "update":
            at = time_us  # a record keeps its createdAt, and the newest version is told by its time
        else:
            at = created.us
            corrected["event_time"] += created.corrected
        if collection == POST:
            return self._post(did, uri, record, version, at, edit=operation == "update")
        if collection == PROFILE:
            name = record.get("displayName")
            return [self._make.user(did, name if isinstance(name, str) else did, version=version, at=at)]
        return [self._interaction(did, uri, collection, record, version, at)]

    def _post(self, did: str, uri: str, record: dict[str, Any], version: str, at: int, *, edit: bool) -> list[Event]:
        item, text = self._make.item(uri), _text(record, "text", may_be_empty=True)
        reply = record.get("reply")
        (self._comments if isinstance(reply, dict) else self._posts).add(item)
        if edit and not text.strip():  # the contract has no empty text, and the old one must go
            target = "comment" if isinstance(reply, dict) else "post"
            return [self._make.deletion(target, item, version=version, at=at, user=did)]
        langs = record.get("langs")
        lang = langs[0] if isinstance(langs, list) and langs else None
        if not isinstance(reply, dict):
            return [self._make.post(item, did, text, version=version, at=at, lang=lang, uri=uri)]
        root, parent = (_subject(reply, name) for name in ("root", "parent"))
        post, answered = root or parent, parent or root
        if post is None or answered is None:
            raise SkippedItem(MALFORMED)
        parent_id = self._make.item(answered)
        return [
            self._make.comment(
                item, self._make.item(post), did, text, version=version, at=at, lang=lang, parent_id=parent_id, uri=uri
            )
        ]

    def _interaction(self, did: str, uri: str, collection: str, record: dict[str, Any], version: str, at: int) -> Event:
        subject = _subject(record, "subject")
        if subject is None:
            raise SkippedItem(MALFORMED)
        author, _, place = subject.removeprefix("at://").partition("/")
        if not author:
            raise SkippedItem(MALFORMED)
        if not place.startswith(f"{POST}/"):
            raise SkippedItem("other_subject")  # a like of a feed generator, say
        return self._make.interaction(
            self._make.item(uri),
            did,
            author,
            ACTIONS[collection],
            version=version,
            at=at,
            post=self._make.item(subject),
        )

    def _deleted(self, did: str, time_us: int, collection: str, uri: str, version: str) -> list[Event]:
        item = self._make.item(uri)
        if collection == PROFILE:  # the account stays; the name goes
            return [self._make.user(did, did, version=f"deleted:{version}", at=time_us)]
        if collection in ACTIONS:
            targets = ["interaction"]
        else:
            known = [("post", self._posts), ("comment", self._comments)]
            targets = [name for name, seen in known if item in seen] or [name for name, _ in known]
        return [self._make.deletion(target, item, version=version, at=time_us, user=did) for target in targets]

    def _account(self, did: str, time_us: int, account: dict[str, Any]) -> list[Event]:
        status = account.get("status")
        if account.get("active") is False and status == "deleted":
            version = str(account.get("seq") or time_us)
            return [self._make.deletion("user", did, version=version, at=time_us, user=did)]
        raise SkippedItem(f"account_{status}" if isinstance(status, str) and status else "account")


def sane_arrival(time_us: int, corrected: Counter[str] | None = None) -> int:
    """When the instance received a frame, by its own clock; now if that clock is years behind or an hour ahead."""
    now = time.time_ns() // 1_000
    if EARLIEST_US <= time_us <= now + AHEAD_US:
        return time_us
    if corrected is not None:
        corrected["server_time"] += 1
    return now


def _object(holder: Any, name: str) -> dict[str, Any]:
    value = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(value, dict):
        raise SkippedItem(MALFORMED)
    return value


def _text(holder: Any, name: str, *, may_be_empty: bool = False) -> str:
    value = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(value, str) or not (value or may_be_empty):
        raise SkippedItem(MALFORMED)
    return value


def _integer(holder: dict[str, Any], name: str) -> int:
    value = holder.get(name)
    if type(value) is not int or not 0 < value <= LATEST_US:
        raise SkippedItem(MALFORMED)
    return value


def _subject(holder: dict[str, Any], name: str) -> str | None:
    """The address of a record that another one refers to."""
    value = holder.get(name)
    uri = value.get("uri") if isinstance(value, dict) else None
    return uri if isinstance(uri, str) and uri else None

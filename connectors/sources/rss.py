"""RSS and Atom feeds, asked with conditional requests.

Guarantee: every entry that a feed shows while it is polled becomes a post, a changed one an edit, an Atom tombstone
(RFC 6721) a deletion. An entry that only leaves the feed was not deleted. What appears and leaves between two polls is
never seen. States that were delivered are kept in the cursor.

Terms: a feed is published to be read; `If-None-Match`, `If-Modified-Since`, `Retry-After` and 410 (gone) are obeyed.
"""

from __future__ import annotations

import calendar
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import feedparser

from connectors.errors import UsageError
from connectors.event import EARLIEST_US, Event, Events, SkippedItem, microseconds
from connectors.markup import text_of
from connectors.polling import Seen, digest, polled
from connectors.session import Batch
from connectors.web import Web

if TYPE_CHECKING:
    from connectors.session import Session

POLL_S = 300.0
REMEMBERED = 2_000  # entries of one feed
GONE = (404, 410)
_TOMBSTONE = re.compile(rb"<(?:\w+:)?deleted-entry\b([^>]*)>")
_ATTRIBUTE = re.compile(rb"""(\w+)\s*=\s*["']([^"']*)["']""")


class Rss:
    """Reads any number of feeds."""

    name = "rss"

    def __init__(self, feeds: Sequence[str], endpoint: str | None, session: Session, poll_s: float | None) -> None:
        self._feeds = list(dict.fromkeys([*feeds, *([endpoint] if endpoint else [])]))
        if not self._feeds:
            raise UsageError("rss: received no feed, expected one or more: moodstream connect rss URL")
        self._webs = {feed: Web(self.name, feed, session) for feed in self._feeds}
        self._session, self._poll_s = session, poll_s or POLL_S
        self._make = Events(self.name)
        self._state: dict[str, dict[str, Any]] = {}

    def batches(self, cursor: Any) -> Iterator[Batch]:
        """Yield new and changed entries; `cursor`: feed -> validators and seen entries."""
        self._state = dict(cursor or {})
        return polled(self._session, self._poll_s, self._poll)

    def _poll(self) -> Iterator[Batch]:
        for feed in list(self._feeds):
            state = self._state.get(feed, {})
            asked = {"If-None-Match": state.get("etag"), "If-Modified-Since": state.get("modified")}
            response = self._webs[feed].get(feed, headers={name: value for name, value in asked.items() if value})
            if response.status_code in GONE:
                self._session.tell(f"rss: {feed} answers {response.status_code} and is asked no more")
                self._feeds.remove(feed)
            elif response.status_code == 200:
                yield self._read(feed, response.content, dict(response.headers), state)

    def _read(self, feed: str, content: bytes, headers: dict[str, str], state: dict[str, Any]) -> Batch:
        parsed = feedparser.parse(content)
        if parsed.bozo and not parsed.version:
            self._session.tell(f"rss: {feed} is no feed: {parsed.get('bozo_exception')}")
            return Batch([], None, 1, {"malformed": 1})
        seen = Seen(REMEMBERED, state.get("seen"))
        events: list[Event] = []
        skipped: Counter[str] = Counter()
        corrected: Counter[str] = Counter()
        received = 0
        for entry in reversed(parsed.entries):
            try:
                event = self._entry(feed, parsed.feed, entry, seen, corrected)
            except SkippedItem as reason:
                skipped[str(reason)] += 1
            else:
                received += event is not None
                events += [event] if event else []
        for match in _TOMBSTONE.finditer(content):
            event = self._tombstone(feed, match[1], seen)
            received += event is not None
            events += [event] if event else []
        if parsed.bozo:  # cut off in the middle: what could be read counts, and the whole is asked for again
            skipped["malformed"] += 1
            headers = {}
        self._state = {
            **self._state,
            feed: {"etag": headers.get("etag"), "modified": headers.get("last-modified"), "seen": seen.items},
        }
        return Batch(events, self._state, received, skipped, corrected)

    def _entry(self, feed: str, about: Any, entry: Any, seen: Seen, corrected: Counter[str]) -> Event | None:
        name = entry.get("id") or entry.get("link")
        if not name:
            raise SkippedItem("malformed")
        body = entry.content[0].value if entry.get("content") else entry.get("summary", "")
        title, body = text_of(entry.get("title", "")), text_of(body)
        text = f"{title}\n{body}".strip() if body != title else title
        state = digest(text)
        known = name in seen
        if not seen.put(name, state):
            return None
        now = time.time_ns() // 1_000
        at = _us(entry.get("updated_parsed") if known else entry.get("published_parsed") or entry.get("updated_parsed"))
        if at is None or not EARLIEST_US <= at <= now:
            corrected["event_time"] += at is not None
            at = now
        elif known and at <= (_us(entry.get("published_parsed")) or 0):
            at = now  # an edit is told by a later time, and this feed gives none
        author = entry.get("author") or about.get("title") or feed
        return self._make.post(
            self._make.item(name), author, text, version=state, at=at, lang=about.get("language"), uri=entry.get("link")
        )

    def _tombstone(self, feed: str, attributes: bytes, seen: Seen) -> Event | None:
        given = {name.decode(): value.decode("utf-8", "replace") for name, value in _ATTRIBUTE.findall(attributes)}
        name = given.get("ref")
        if not name or not seen.put(name, "deleted"):
            return None
        at = microseconds(given.get("when")) or time.time_ns() // 1_000
        return self._make.deletion("post", self._make.item(name), version=given.get("when", ""), at=at, user=feed)


def _us(parsed: Any) -> int | None:
    """Epoch microseconds of feedparser's UTC time tuple."""
    return calendar.timegm(parsed) * 1_000_000 if parsed else None

"""Hacker News, through its Firebase API (version 0): items by number, and the list of what changed.

Guarantee: every item from the cursor on is asked for until it is there (a number without an item: ten times). Edits and
deletions are seen if they appear in the list of changes while the connector runs. The first run begins a hundred items
back.

Terms: the API is open and asks for no key; requests go one at a time. Deleted and killed items become deletions.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from connectors.event import Event, Events, SkippedItem
from connectors.markup import text_of
from connectors.polling import Seen, digest, polled
from connectors.session import Batch
from connectors.web import Malformed, Web

if TYPE_CHECKING:
    from connectors.session import Session

ENDPOINT = "https://hacker-news.firebaseio.com"
POLL_S = 15.0
BACK = 100  # items before the newest one with which the first run begins
AT_ONCE = 50  # items of one batch
ATTEMPTS = 10  # polls in which an item may still be missing
REMEMBERED = 100_000
KEPT = 2_000  # states that the cursor keeps
DEEPEST = 100  # comments above a comment


class HackerNews:
    """Reads all stories, polls, jobs and comments."""

    name = "hackernews"

    def __init__(self, endpoint: str | None, session: Session, poll_s: float | None) -> None:
        self._web = Web(self.name, endpoint or ENDPOINT, session)
        self._session, self._poll_s = session, poll_s or POLL_S
        self._make = Events(self.name)
        self._newest = 0
        self._missing: dict[int, int] = {}  # item -> polls in which it was missing
        self._states = Seen(REMEMBERED)
        self._roots: Seen = Seen(REMEMBERED)  # item -> the story that it belongs to

    def batches(self, cursor: Any) -> Iterator[Batch]:
        """Yield items; `cursor`: the newest number that was asked for, what was missing then, and the last states."""
        if cursor:
            self._newest = cursor["newest"]
            self._missing = dict.fromkeys(cursor["missing"], 0)
            self._states = Seen(REMEMBERED, cursor.get("states"))
        return polled(self._session, self._poll_s, self._poll)

    def _poll(self) -> Iterator[Batch]:
        newest = self._web.json("/v0/maxitem.json")
        if type(newest) is not int:
            raise Malformed(f"maxitem is {newest!r}")
        first = self._newest + 1 if self._newest else max(1, newest - BACK)
        wanted = [*sorted(self._missing), *range(first, newest + 1)]
        for begin in range(0, len(wanted), AT_ONCE):
            yield self._batch(wanted[begin : begin + AT_ONCE])
        changes = self._web.json("/v0/updates.json")
        items = changes.get("items") if isinstance(changes, dict) else None
        changed = [item for item in items or () if type(item) is int and item <= self._newest]
        if changed:
            yield self._batch(changed)

    def _batch(self, numbers: list[int]) -> Batch:
        events: list[Event] = []
        skipped: Counter[str] = Counter()
        received = 0
        for number in numbers:
            try:
                item = self._web.json(f"/v0/item/{number}.json")
            except Malformed as error:
                self._session.tell(f"hackernews: {error}")
                skipped["malformed"] += 1
                item = None
            self._newest = max(self._newest, number)
            if not isinstance(item, dict):
                self._is_missing(number, skipped)
                continue
            self._missing.pop(number, None)
            try:
                event = self._event(number, item)
            except Malformed as error:  # one of the comments above it
                self._session.tell(f"hackernews: {error}")
                self._states.forget(str(number))
                self._missing[number] = self._missing.get(number, 0)
            except SkippedItem as reason:
                skipped[str(reason)] += 1
                received += 1
            else:
                received += event is not None
                events += [event] if event else []
        states = dict(list(self._states.items.items())[-KEPT:])
        cursor = {"newest": self._newest, "missing": sorted(self._missing), "states": states}
        return Batch(events, cursor, received, skipped)

    def _is_missing(self, number: int, skipped: Counter[str]) -> None:
        polls = self._missing.get(number, 0) + 1
        if polls < ATTEMPTS:
            self._missing[number] = polls
        else:
            self._missing.pop(number, None)
            skipped["never_there"] += 1

    def _event(self, number: int, item: dict[str, Any]) -> Event | None:
        """The event of an item's present state; None if that state was seen before."""
        gone = bool(item.get("deleted") or item.get("dead"))
        text = "\n".join(filter(None, (text_of(str(item.get(name) or "")) for name in ("title", "text"))))
        state = "gone" if gone else digest(text)
        name, now = str(number), time.time_ns() // 1_000
        known = name in self._states
        if not self._states.put(name, state):
            return None
        comment = item.get("type") == "comment"
        contract_id = self._make.item(name)
        author, posted = item.get("by"), item.get("time")
        if gone:
            target = "comment" if comment else "post"
            return self._make.deletion(target, contract_id, version="gone", at=now, user=author)
        if not isinstance(author, str) or type(posted) is not int:
            raise SkippedItem("malformed")
        at = now if known else min(posted * 1_000_000, now)
        if not comment:
            return self._make.post(contract_id, author, text, version=state, at=at, uri=item.get("url"))
        root, parent = self._make.item(self._root(item)), self._make.item(str(item.get("parent")))
        return self._make.comment(contract_id, root, author, text, version=state, at=at, parent_id=parent)

    def _root(self, item: dict[str, Any]) -> str:
        """The story above a comment; asks for its ancestors where they are not remembered."""
        path: list[str] = []
        root = str(item.get("id"))
        while item.get("type") == "comment" and len(path) < DEEPEST:
            parent = str(item.get("parent"))
            path.append(str(item.get("id")))
            known = self._roots.get(parent)
            root = known or parent
            if known:
                break
            found = self._web.json(f"/v0/item/{parent}.json")
            if not isinstance(found, dict):
                break
            item = found
        for number in path:
            self._roots.put(number, root)
        return root

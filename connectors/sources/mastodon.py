"""Mastodon, and servers that speak its API: server-sent events, with the timeline for what was missed.

Guarantee: statuses at least once: after a broken connection or a restart, the timeline since the last status is read
before the stream goes on. Edits and deletions are seen while the connector is connected; the API has no list of past
ones.

Terms: only public and unlisted statuses are read; a server may demand a token (MASTODON_ACCESS_TOKEN). `delete` and
`status.update` must be honoured. Servers allow 300 requests in five minutes.

httpx reads the stream instead of Mastodon.py: what is needed of the protocol is four event names and one list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import httpx
import orjson

from connectors.event import Event, SkippedItem
from connectors.session import Batch
from connectors.sources.mastodon_statuses import MALFORMED, Statuses
from connectors.web import Web

if TYPE_CHECKING:
    from connectors.session import Session

ENDPOINT = "https://mastodon.social"
PAGE = 40
MOST_PAGES = 200  # statuses of a gap that are fetched: 8,000


class Mastodon:
    """Reads the public timeline, or one hashtag's."""

    name = "mastodon"

    def __init__(self, tags: Sequence[str], endpoint: str | None, token: str | None, session: Session) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._web = Web(self.name, endpoint or ENDPOINT, session, headers)
        self._session = session
        self._statuses = Statuses(urlsplit(self._web.address).netloc)
        tag = tags[0].lstrip("#") if tags else None
        self._stream = "/api/v1/streaming/hashtag" if tag else "/api/v1/streaming/public"
        self._tag = {"tag": tag} if tag else None
        self._timeline = f"/api/v1/timelines/tag/{quote(tag)}" if tag else "/api/v1/timelines/public"
        self._newest = ""  # id of the newest status

    def batches(self, cursor: Any) -> Iterator[Batch]:
        """Yield what happens after `cursor` (a status id), for ever."""
        self._newest = str(cursor or "")
        while not self._session.stop.is_set():
            try:
                with self._web.stream(self._stream, self._tag) as response:
                    # Connected first, so that nothing falls between the timeline's end and the stream's beginning.
                    yield from self._missed()
                    yield from self._live(response)
                raise httpx.ReadError("the server ended the stream")
            except httpx.TransportError as error:
                yield Batch([])
                self._web.broke(error)

    def _missed(self) -> Iterator[Batch]:
        """The timeline since the newest status, oldest page first."""
        for _ in range(MOST_PAGES if self._newest else 0):
            page = self._web.json(self._timeline, {"min_id": self._newest, "limit": PAGE})
            if not isinstance(page, list) or not page:
                return
            before = self._newest
            yield self._batch([("update", status) for status in reversed(page)])
            if self._newest == before:
                return

    def _live(self, response: httpx.Response) -> Iterator[Batch]:
        """Server-sent events: `event:` and `data:` lines, an empty line ends one, a colon begins a heartbeat."""
        name, data = "", []
        for line in response.iter_lines():
            if self._session.stop.is_set():
                return
            if line.startswith(":"):
                yield Batch([])
            elif line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
            elif not line and name:
                self._web.worked()
                yield self._batch([(name, _parsed(name, "\n".join(data)))])
                name, data = "", []

    def _batch(self, happened: list[tuple[str, Any]]) -> Batch:
        events: list[Event] = []
        skipped: Counter[str] = Counter()
        corrected: Counter[str] = Counter()
        for name, content in happened:
            try:
                events += self._statuses.events(name, content, corrected)
            except SkippedItem as reason:
                skipped[str(reason)] += 1
                if str(reason) == MALFORMED:
                    self._session.tell(f"mastodon: skipped a malformed {name}: {str(content)[:120]}")
            if name == "update" and isinstance(content, dict):
                self._newest = max(self._newest, str(content.get("id") or ""), key=lambda text: (len(text), text))
        return Batch(events, self._newest or None, len(happened), skipped, corrected)


def _parsed(name: str, data: str) -> Any:
    """The content of an event: a status id where something was deleted, otherwise JSON; None if it is none."""
    if name == "delete":
        return data.strip()
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None

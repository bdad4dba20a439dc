"""A file of one's own: CSV (any delimiter) or JSON lines, with a mapping from columns to fields.

Guarantee: every row becomes one event or is counted with a reason. Ids come from the mapped `id`, otherwise from the
row and its place in the file, so that the same file read again gives the same events; the cursor counts rows, so that a
file that grew is read on from where it ended.

Terms: whoever owns the file decides; texts of people stay subject to erasure (`moodstream erase`).
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from connectors.errors import CursorError, UsageError
from connectors.event import EARLIEST_US, MAX_TEXT, Event, Events, SkippedItem
from connectors.session import Batch
from connectors.sources.rows import BadRow, Rows, opened
from connectors.times import Times

if TYPE_CHECKING:
    from connectors.session import Session

AT_ONCE = 500
SAMPLES = 1_000  # rows that decide how times are written
AHEAD_US = 3_600_000_000  # microseconds that a time may lie in the future
NOBODY = "unknown"
ALIASES: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "body", "content", "message", "comment", "review", "tweet", "post"),
    "user_id": ("user_id", "user", "author", "username", "user_name", "screen_name"),
    "event_time": ("event_time", "created_at", "created", "timestamp", "time", "date", "datetime"),
    "id": ("id", "event_id", "tweet_id", "comment_id"),
    "post_id": ("post_id", "parent_id", "in_reply_to_id"),
    "lang": ("lang", "language"),
}


class File:
    """Reads one file. A mapping given by the user wins over columns that are recognised by their names."""

    name = "file"

    def __init__(
        self,
        items: Sequence[str],
        endpoint: str | None,
        mapping: Mapping[str, str],
        encoding: str | None,
        session: Session,
    ) -> None:
        paths = [*items, *([endpoint.removeprefix("file://")] if endpoint else [])]
        if len(paths) != 1:
            raise UsageError(f"file: received {len(paths)} files, expected one: moodstream connect file FILE")
        self._path = Path(paths[0])
        self._rows = opened(self._path, encoding)
        self._session = session
        self._make = Events(self.name)
        samples = list(islice(self._rows.read(), SAMPLES))
        self._columns = _columns(mapping, self._rows, samples)
        times = [str(_value(row, self._columns.get("event_time")) or "") for row in samples if isinstance(row, dict)]
        self._times = Times(times)

    def batches(self, cursor: Any) -> Iterator[Batch]:
        """Yield the rows behind `cursor` (a number of rows), then end."""
        if cursor is not None and type(cursor) is not int:
            raise CursorError(f"a cursor of file is a number of rows, received {cursor!r}")
        self._session.tell(f"file: {self._path} is {self._rows.form}; " + self._mapped())
        if self._times.ambiguous:
            self._session.tell("file: dates such as 03/04/2026 are read month first; no row says otherwise")
        done = cursor or 0
        rows = islice(enumerate(self._rows.read(), 1), done, None)
        while found := list(islice(rows, AT_ONCE)):
            yield self._batch(found)
            if self._session.stop.is_set():
                return

    def _mapped(self) -> str:
        return ", ".join(f"{name}={column}" for name, column in self._columns.items())

    def _batch(self, rows: list[tuple[int, dict[str, Any] | BadRow]]) -> Batch:
        events: list[Event] = []
        skipped: Counter[str] = Counter()
        corrected: Counter[str] = Counter()
        for number, row in rows:
            try:
                if isinstance(row, BadRow):
                    raise SkippedItem(row.reason)
                events.append(self._event(number, row, corrected))
            except SkippedItem as reason:
                skipped[str(reason)] += 1
        return Batch(events, rows[-1][0], len(rows), skipped, corrected)

    def _event(self, number: int, row: dict[str, Any], corrected: Counter[str]) -> Event:
        def field(name: str) -> str:
            value = _value(row, self._columns.get(name))
            return "" if value is None else str(value).strip()

        text, user, at = field("text"), field("user_id"), self._at(field("event_time"), corrected)
        digest = hashlib.sha256(orjson.dumps([text, user, field("event_time")])).hexdigest()
        name = field("id") or f"{number}:{digest}"
        item = self._make.item(name)
        corrected["encoding"] += "\ufffd" in text
        corrected["text_cut"] += len(text) > MAX_TEXT
        corrected["user_id"] += not user
        post, lang = field("post_id"), field("lang") or None
        if post and post != name:
            return self._make.comment(
                item, self._make.item(post), user or NOBODY, text, version=digest, at=at, lang=lang, source_id=name
            )
        return self._make.post(item, user or NOBODY, text, version=digest, at=at, lang=lang, source_id=name)

    def _at(self, text: str, corrected: Counter[str]) -> int:
        now = time.time_ns() // 1_000
        if not text:
            return now
        us = self._times.us(text)
        if us is None or not EARLIEST_US <= us <= now + AHEAD_US:
            corrected["event_time"] += 1
            return now
        return us


def _value(row: dict[str, Any], column: str | None) -> Any:
    """A row's value; a column with dots reaches into JSON objects."""
    if column is None:
        return None
    if column in row:
        return row[column]
    value: Any = row
    for part in column.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _columns(mapping: Mapping[str, str], rows: Rows, samples: Sequence[dict[str, Any] | BadRow]) -> dict[str, str]:
    """Field -> column: what the user says, otherwise a column of that name; raises UsageError without a text."""
    objects = [row for row in samples if isinstance(row, dict)]
    names = list(rows.header or dict.fromkeys(name for row in objects for name in row))
    columns = dict(mapping)
    for field, column in mapping.items():
        if objects and not any(_value(row, column) is not None for row in objects):
            raise UsageError(f"--map {field}={column}: no such column; the file has {_listed(names)}")
    lower = {str(name).strip().lower(): name for name in reversed(names)}
    for field, aliases in ALIASES.items():
        found = next(
            (lower[alias] for alias in aliases if alias in lower and lower[alias] not in columns.values()), None
        )
        if field not in columns and found is not None:
            columns[field] = found
    if "text" not in columns:
        raise UsageError(f"which column is the text? The file has {_listed(names)}; say --map text=COLUMN")
    return columns


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"

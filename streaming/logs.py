"""The job's log: one line of text for each message, or one JSON object (`--log-format`).

A JSON line says which hop, query and batch a message belongs to. It takes them from the message's own `extra`, else
from the batch that its thread works at (`within`). `extra={"fields": {...}}` adds further fields to the object.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

FORMATS = ("text", "json")
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
PLACE = ("hop", "query", "batch")

_place: ContextVar[Mapping[str, Any]] = ContextVar("place")


@contextmanager
def within(**place: Any) -> Iterator[None]:
    """Messages of this thread belong to this `hop`, `query` and `batch` until the end of the block."""
    token = _place.set({**_place.get({}), **place})
    try:
        yield
    finally:
        _place.reset(token)


class JsonLines(logging.Formatter):
    """Formats a message as one JSON object on one line; times are UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        own = {name: getattr(record, name) for name in PLACE if hasattr(record, name)}
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            **_place.get({}),
            **own,
            **fields,
            # With fields, the text form of the message would only repeat them.
            "message": fields.get("event") or record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(form: str) -> None:
    """Send the messages of this process to standard error, in one of FORMATS."""
    logging.basicConfig(level=logging.INFO, format=TEXT, force=True)
    if form == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonLines())
    logging.getLogger("py4j").setLevel(logging.WARNING)

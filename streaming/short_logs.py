"""Keeps the logs of a local lake short: what every query has read moves out of `_delta_log`, into a folder beside it.

Spark finds out what is new in a table by listing its log, several times a second, and in a local folder it asks the
file system for each entry: 10 to 20 us. After an hour of a commit a second that is a whole core. S3 lists from where it
is told to (`delta.enableFastS3AListFrom`), so its logs keep what Delta keeps, for seven days.

Guarantee: no query misses an entry. One is moved only if each of them has read it and a checkpoint, or the one before
it, holds what it said; versions before that can no longer be opened, but `log.read_entry` still finds their entries.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deltalake.exceptions import DeltaError, TableNotFoundError

from streaming.corrections import readers
from streaming.delta.log import READ_ENTRIES
from streaming.delta.tables import open_table
from streaming.settings import Settings
from streaming.tables import catalog

log = logging.getLogger(__name__)

EVERY_S = 15.0
# Versions that stay before the last checkpoint and before what was read: a snapshot that a query opened a while ago
# still needs those from the checkpoint before.
KEPT = 100
# A checksum serves whoever opens the newest version.
CHECKSUMS_KEPT = 20
_OF_VERSION = re.compile(r"(\d{20})\.(json|crc|checkpoint\.parquet)")


class ShortLogs:
    """Call it with the status of every hop as often as you like: it looks after the logs every EVERY_S seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._due = time.monotonic() + EVERY_S
        self._thread: threading.Thread | None = None

    def __call__(self, hops: Mapping[str, Mapping[str, Any]]) -> None:  # noqa: ARG002 - what every observer takes
        """Shorten the logs in a thread, unless the last round still goes on; nothing for a lake on S3."""
        if time.monotonic() < self._due or "://" in self._settings.lake:
            return
        if self._thread is None or not self._thread.is_alive():
            self._due = time.monotonic() + EVERY_S
            self._thread = threading.Thread(target=self._shorten_all, name="short logs", daemon=True)
            self._thread.start()

    def _shorten_all(self) -> None:
        for name in catalog.APPENDED:
            try:
                shorten(self._settings, name)
            except (DeltaError, OSError, ValueError) as error:  # a log that is long for a while harms nobody
                log.info("%s: the log was not shortened this time: %s", name, error)


def shorten(settings: Settings, name: str) -> int:
    """Move the entries of one table that nobody needs in its log; returns how many those were."""
    folder = Path(settings.table(name), "_delta_log")
    try:
        table = open_table(settings, name)
        checkpoint = int(json.loads((folder / "_last_checkpoint").read_text())["version"])
    except (TableNotFoundError, FileNotFoundError):
        return 0
    first = min([checkpoint, *readers.positions(settings, table).values()]) - KEPT
    target = Path(settings.table(name), READ_ENTRIES)
    target.mkdir(exist_ok=True)
    moved = 0
    for version, file in sorted(_of_versions(folder)):
        if file.suffix == ".json" and version < first:
            file.rename(target / file.name)
            moved += 1
        elif version < (table.version() - CHECKSUMS_KEPT if file.suffix == ".crc" else first):
            file.unlink(missing_ok=True)
    return moved


def _of_versions(folder: Path) -> Iterator[tuple[int, Path]]:
    for file in folder.iterdir():
        if found := _OF_VERSION.fullmatch(file.name):
            yield int(found[1]), file

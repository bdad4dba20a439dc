"""Keeps the logs of bronze, silver and gold short: what every query has read moves from `_delta_log` to one beside it.

Spark finds out what is new in a table by listing its log from the beginning, several times a second. A local file
system is asked for each entry, 10 to 20 us: after an hour of a commit a second that is a whole core. S3 needs a request
for each thousand entries, so after a day of a commit every two seconds a listing would take seconds. (Delta's option
`delta.enableFastS3AListFrom`, which lists from where it is told, calls classes that Hadoop 3.4 no longer has.)

Guarantee: no query of the job misses an entry. One is moved only if each of them has read it, and a checkpoint of the
table holds what it said. Versions before that can no longer be opened, and queries of somebody else that are further
behind than `--log-kept` versions have to start anew; `log.read_entry` still finds every entry. The hop serve, which
reads the change feed of gold, then loads the whole table.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from deltalake.exceptions import DeltaError, TableNotFoundError

from streaming.corrections import readers
from streaming.delta.log import READ_ENTRIES
from streaming.delta.tables import open_table
from streaming.files import Files
from streaming.settings import Settings
from streaming.tables import catalog

log = logging.getLogger(__name__)

# Seconds between two rounds. On S3 a move is three requests, and a listing has a thousand entries for one.
EVERY_S, EVERY_S_ON_S3 = 15.0, 300.0
# Versions that stay before the last checkpoint and before what was read, unless the settings say it: at least those of
# the checkpoint before, from which a snapshot that a query opened a while ago may still be computed.
KEPT, KEPT_ON_S3 = 100, 1000
# In a log of gold: serve may be away for so many commits, three quarters of an hour, and goes on where it was. delta-rs
# takes 2 us for each entry.
KEPT_OF_GOLD = 500
# A checksum serves whoever opens the newest version.
CHECKSUMS_KEPT = 20
NAMES = (*catalog.APPENDED, *(table.name for table in catalog.KEYED))
_OF_VERSION = re.compile(r"(\d{20})\.(json|crc|checkpoint\.parquet)")


class ShortLogs:
    """Call it with the status of every hop as often as you like: a round in a thread begins when one is due."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._every = EVERY_S_ON_S3 if _on_s3(settings) else EVERY_S
        self._due = time.monotonic() + self._every
        self._thread: threading.Thread | None = None

    def __call__(self, hops: Mapping[str, Mapping[str, Any]]) -> None:  # noqa: ARG002 - what every observer takes
        """Begin a round, unless none is due or the last one still goes on."""
        if time.monotonic() < self._due or (self._thread is not None and self._thread.is_alive()):
            return
        self._due = time.monotonic() + self._every
        self._thread = threading.Thread(target=self._shorten_all, name="short logs", daemon=True)
        self._thread.start()

    def _shorten_all(self) -> None:
        reached = readers.all_positions(self._settings)
        for name in NAMES:
            try:
                shorten(self._settings, name, reached)
            except (DeltaError, OSError, ValueError) as error:  # a log that is long for a while harms nobody
                log.info("%s: the log was not shortened this time: %s", name, error)


def shorten(settings: Settings, name: str, reached: Mapping[str, Mapping[str, int]]) -> int:
    """Move the entries of one table that nobody needs in its log; returns how many those were.

    `reached`: by Delta id, the first version of a table that each query has not finished.
    """
    files, folder = Files(settings), f"{settings.table(name)}/_delta_log"
    try:
        table = open_table(settings, name)
    except TableNotFoundError:
        return 0
    checkpoint = files.read_json(f"{folder}/_last_checkpoint")
    if checkpoint is None:
        return 0
    unread = reached.get(str(table.metadata().id), {}).values()
    first = min([int(checkpoint["version"]), *unread]) - _kept(settings, name)
    moved = 0
    for version, file in _of_versions(files, folder):
        if file.endswith(".crc"):
            if version < table.version() - CHECKSUMS_KEPT:
                files.remove(f"{folder}/{file}")
        elif version < first:
            files.move(f"{folder}/{file}", f"{settings.table(name)}/{READ_ENTRIES}/{file}")
            moved += 1
    return moved


def forget(settings: Settings, name: str, hours: float, now: float) -> int:
    """Delete the moved entries of one table that are older than so many hours; returns how many. `now`: epoch seconds.

    Of S3 the age is that of the move, a little less.
    """
    files, folder = Files(settings), f"{settings.table(name)}/{READ_ENTRIES}"
    old = [each.name for each in files.below(folder) if now - each.modified > hours * 3600]
    for each in old:
        files.remove(f"{folder}/{each}")
    return len(old)


def _of_versions(files: Files, folder: str) -> Iterator[tuple[int, str]]:
    """The oldest first: whatever a crash leaves is a log without a gap."""
    for each in list(files.below(folder)):
        if found := _OF_VERSION.fullmatch(each.name):
            yield int(found[1]), each.name


def _kept(settings: Settings, name: str) -> int:
    if settings.log_kept is not None:
        return settings.log_kept
    if _on_s3(settings):
        return KEPT_ON_S3
    return KEPT_OF_GOLD if name.startswith("gold/") else KEPT


def _on_s3(settings: Settings) -> bool:
    return "://" in settings.lake

"""Deletes the files that this hop has replaced: they hold what was deleted, and would soon fill the disk.

A query of an analyst may still read them for a while, so they stay for KEPT_S at least.
"""

from __future__ import annotations

import logging
import time

from deltalake.exceptions import DeltaError

from streaming.corrections import replaced_files
from streaming.delta.tables import open_table
from streaming.settings import Settings

log = logging.getLogger(__name__)

KEPT_S = 900.0


class ReplacedFiles:
    """Remembers which tables have old files, and from which version on they may go. Called by one thread."""

    def __init__(self, settings: Settings, kept_s: float = KEPT_S) -> None:
        self._settings = settings
        self._kept_s = kept_s
        # By table: the version up to which old files go, and when they may.
        self._due: dict[str, tuple[int, float]] = {}
        self._newest: dict[str, int] = {}

    def changed(self, name: str) -> None:
        """A commit has replaced files of the table."""
        self._newest[name] = open_table(self._settings, name).version()
        self._due.setdefault(name, (self._newest[name], time.monotonic() + self._kept_s))

    def remove(self) -> None:
        """Delete what is due; where a query has yet to read a file, the next call tries again."""
        for name, (version, due) in list(self._due.items()):
            if time.monotonic() < due:
                continue
            try:
                removed = replaced_files.remove(self._settings, name, version)
            except DeltaError as error:
                log.info("%s: its old files are deleted later: %s", name, error)
                removed = None
            if removed is None:
                self._due[name] = (version, time.monotonic() + self._kept_s / 10)
            elif self._newest[name] > version:
                self._due[name] = (self._newest[name], time.monotonic() + self._kept_s)
            else:
                del self._due[name]

"""Writes the status file: the state of every hop as JSON, for `moodstream status`, the demo and other programs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


def hops_in(path: str | None) -> Mapping[str, Any]:
    """The state of each hop in the status file `path`; empty where the job writes none."""
    if path is None or not Path(path).is_file():
        return {}
    hops: Mapping[str, Any] = json.loads(Path(path).read_text())["hops"]
    return hops


class StatusFile:
    """Replaces the file as a whole, so that a reader sees either the old status or the new one.

    A status that cannot be written, for example on a full disk, never ends the job. The first failure is logged, and
    the next status is written again.
    """

    def __init__(self, path: str | None) -> None:
        """`path`: a local file, or None to write no status."""
        self._path = Path(path) if path else None
        self._failing = False

    def write(self, hops: Mapping[str, Mapping[str, Any]], ui: str | None = None) -> None:
        """Replace the status with that of these hops; `ui` is the address of Spark's web page."""
        if self._path is None:
            return
        status = {"updated_at": datetime.now(UTC).isoformat(), "ui": ui, "hops": hops}
        draft = self._path.with_suffix(".draft")
        try:
            draft.write_text(json.dumps(status))
            draft.replace(self._path)
        except OSError as error:
            if not self._failing:
                log.warning("cannot write the status file %s: %s", self._path, error)
            self._failing = True
        else:
            self._failing = False

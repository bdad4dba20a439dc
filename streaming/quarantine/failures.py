"""How often in a row a hop's batch failed because of its data, counted in a file beside the checkpoint."""

from __future__ import annotations

import logging

from streaming.failures import is_about_data, one_line
from streaming.files import Files
from streaming.settings import Settings

log = logging.getLogger(__name__)

# A batch that fails so often is taken apart. Before that, a restart may help: it brings a new connection, a new model.
MAX_FAILURES = 3


class Failures:
    """The failures of one hop since its last batch that succeeded. The file survives the restart after each of them."""

    def __init__(self, settings: Settings, hop: str) -> None:
        self._files = Files(settings)
        self._path = f"{settings.checkpoint(hop)}-failures.json"
        self._hop = hop
        self._count = int((self._files.read_json(self._path) or {}).get("failures", 0))

    @property
    def exhausted(self) -> bool:
        """Whether the batch has failed often enough to be taken apart."""
        return self._count >= MAX_FAILURES

    def note(self, error: Exception) -> None:
        """Count the failure, unless it is an outage."""
        if not is_about_data(error):
            return
        self._count += 1
        self._files.write_json(self._path, {"failures": self._count})
        log.warning(
            "hop %s: failure %d of %d because of data: %s", self._hop, self._count, MAX_FAILURES, one_line(error)
        )

    def clear(self) -> None:
        """A batch has succeeded. Writes only after a failure."""
        if self._count:
            self._count = 0
            self._files.remove(self._path)

"""Knows when this job could receive texts: silence at other times says nothing about the platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from streaming.alerts.detection.pauses import Pause, Pauses
from streaming.settings import Settings

# Without these hops no text reaches silver.
NEEDED = ("ingest", "refine")
# If two rounds are this much further apart than usual, the machine slept, or the process was suspended.
ASLEEP_S = 180.0
# If no position of an earlier job is known, it may have ended so long before this one began.
UNKNOWN_S = 3600.0


class Memory(Protocol):
    """Stores one JSON object."""

    def read(self) -> Mapping[str, Any]:
        """The object that was written last; empty before the first."""
        ...

    def write(self, value: Mapping[str, Any]) -> None:
        """Replace the object."""
        ...


class Listening:
    """The pauses of one stream: before this job, while a needed hop did not run, and while the machine slept.

    `memory` keeps the pauses and the position: the end of the last step that was tested. `began`: when the job began,
    in epoch seconds; a hop that starts again within the job is no pause. `hops` returns their states, as in the status
    file. `interval`: usual seconds between two rounds.
    """

    def __init__(
        self,
        memory: Memory,
        began: float,
        hops: Callable[[], Mapping[str, Any]] = dict,
        interval: float = 10.0,
    ) -> None:
        self._memory = memory
        self._began = began
        self._hops = hops
        self._asleep = ASLEEP_S + interval
        self._round_at: float | None = None
        noted = memory.read()
        self.pauses = known_pauses(noted)
        self._position = float(noted.get("position", began - UNKNOWN_S))
        if noted.get("job") != began:
            self.pauses.add(self._position, began)

    def hears(self, now: float) -> bool:
        """Note a round at `now` (epoch seconds). Returns whether silence would be news: False during a pause."""
        slept = self._round_at is not None and now - self._round_at > self._asleep
        states = self._hops()
        if slept or any(states[name]["state"] != "running" for name in NEEDED if name in states):
            self.pauses.add(self._position, now)
        self._round_at = now
        return not self.pauses.covers(now)

    def reached(self, end: float | None) -> None:
        """Note that all steps up to `end` (epoch seconds; None: no step yet) are done, and write the position down."""
        if end is not None and end != self._position:
            self._position = end
            spans = [list(each) for each in self.pauses.known()]
            self._memory.write({"job": self._began, "position": end, "pauses": spans})


def place(settings: Settings) -> str:
    """The file in which the position and the pauses are kept."""
    return f"{settings.checkpoint('watch')}/position.json"


def known_pauses(noted: Mapping[str, Any]) -> Pauses:
    """The pauses in what a `Listening` has written."""
    return Pauses(Pause(*each) for each in noted.get("pauses", ()))

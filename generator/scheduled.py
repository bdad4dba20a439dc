"""The events of one minute, which follow from the seed and the minute alone.

So a schedule is idempotent without a store. A repeated invocation puts the same event ids with
the same bytes, which the job drops as duplicates, and what must become of them can be computed again at
any time, so that a sender without a disk needs no ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from generator.errors import UsageError
from generator.simulation import KINESIS_AGGREGATED, Dirt, Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from generator.events.records import Record

MINUTE = 60


@dataclass(frozen=True)
class Schedule:
    """What a scheduled sender sends each minute."""

    stream: str
    seed: int
    per_minute: int
    users: int
    dirt: Dirt
    spread: bool  # over the minute as it passes; else at once, with times in the minute before

    def records(self, minute: float) -> Iterator[tuple[float, Record]]:
        """Yield (seconds into the minute, record) of the minute that begins at an epoch second."""
        run = f"minute {int(minute // MINUTE)}"
        source = Simulation(self.seed, run, self.users, self.dirt)
        for number in range(self.per_minute):
            offset = number * MINUTE / self.per_minute
            yield offset, source.next(minute + offset)


def minute_of(scheduled: str, *, spread: bool) -> float:
    """Return the epoch second at which the minute begins that a schedule's time stands for.

    Spread, it is the minute that just begins; at once, the one that has just passed, so that no event
    lies in the future.
    """
    try:
        at = datetime.fromisoformat(scheduled)
    except ValueError:
        raise UsageError(f"the schedule's time is '{scheduled}', expected an ISO 8601 time") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    begun = at.timestamp() // MINUTE * MINUTE
    return begun if spread else begun - MINUTE


def from_environ(environ: Mapping[str, str]) -> Schedule:
    """Build a schedule from STREAM_NAME, EVENTS_PER_MINUTE, SEED, USERS, DIRT_PER_MILLE and SPREAD."""
    stream = environ.get("STREAM_NAME", "")
    if not stream:
        raise UsageError("STREAM_NAME is not set, expected the name of a Kinesis stream")
    dirt = Dirt(aggregated=KINESIS_AGGREGATED)
    return Schedule(
        stream=stream,
        seed=_whole(environ, "SEED", 1, low=0),
        per_minute=_whole(environ, "EVENTS_PER_MINUTE", 600, low=1),
        users=_whole(environ, "USERS", 500, low=1),
        dirt=dirt.scaled_to(_whole(environ, "DIRT_PER_MILLE", 30, low=0) / 1000),
        spread=environ.get("SPREAD", "false").lower() in ("1", "true", "yes"),
    )


def _whole(environ: Mapping[str, str], name: str, default: int, low: int) -> int:
    text = environ.get(name, str(default))
    if not text.isdigit() or int(text) < low:
        raise UsageError(f"{name} is '{text}', expected a whole number of at least {low}")
    return int(text)

"""Runs the detection on the stream, and writes the beginning, changes and end of each incident to gold/incidents.

Guarantee: alerts are made from rows of gold, so a process that ends between row and alert sends the alert after its
next start. A start reads the last minutes of silver again; an incident that was open then keeps its id.
"""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from streaming.alerts import messages
from streaming.alerts.detection.counts import STEP_S
from streaming.alerts.detection.incidents import CLOSED, OPEN, Incident, Incidents
from streaming.alerts.detection.text import Text
from streaming.alerts.incident_rows import row_of
from streaming.alerts.listening import Listening, Memory
from streaming.alerts.rules import Alert
from streaming.delta.merge import KeyedMerge, keyed_merge
from streaming.delta.tables import recent
from streaming.settings import Settings
from streaming.tables import gold_incidents

log = logging.getLogger(__name__)

# Texts may reach silver so long after the end of their step: silver's newest rows are a few seconds old.
GRACE_S = 10.0
# After so long without a text, empty steps are counted, because an outage of the sources is an incident too.
IDLE_S = 60.0
# After a longer gap between texts the detection restarts; it would have to count thousands of empty steps otherwise.
GAP_S = 3600.0
# Changed numbers of an incident are written at most this often; another state, severity or cause is written at once.
WRITTEN_EVERY_S = 60.0
LOOK_BACK = timedelta(days=1)
# Incidents found before and after a restart are the same one if their beginnings are at most this far apart.
SAME_S = 1200.0
# A step with a smaller share of the usual number of texts holds only late ones.
FULL_SHARE = 0.2
REMEMBER_EVERY = timedelta(minutes=10)

Row = dict[str, Any]


class Steps:
    """Cuts texts into steps of event time. A step ends when nearly all texts are newer than it."""

    def __init__(self) -> None:
        self._end: float | None = None
        self._reached = 0.0
        self._waiting: list[Text] = []
        self._last_text_at = 0.0
        self._newest: dict[str, float] = {}

    @property
    def ended(self) -> float | None:
        """The end of the last step that is complete, in epoch seconds; None before the first texts."""
        return None if self._end is None else self._end - STEP_S

    def add(self, texts: Sequence[Text], now: float, *, hears: bool = True) -> Iterator[tuple[float, list[Text]]]:
        """Add texts in order of their times, and yield each step that is complete as (end, texts).

        `now` is the current time in epoch seconds. While `hears` is False, texts may come late, and no step ends by
        silence. Texts of a step that has already ended are left out.
        """
        if texts:
            self._reached = self._reached_by(texts, now)
            self._last_text_at = now
        elif hears and self._last_text_at and now - self._last_text_at >= IDLE_S and now - self._reached < GAP_S:
            self._reached = max(self._reached, now - IDLE_S)
        if self._end is None and texts:
            # The first step is skipped: its earlier texts are missing.
            self._end = (_first_full_step(texts) + 2) * STEP_S
        self._waiting += texts
        while self._end is not None and self._end + GRACE_S <= self._reached:
            yield self._end, [each for each in self._waiting if self._end - STEP_S <= each.at < self._end]
            self._waiting = [each for each in self._waiting if each.at >= self._end]
            self._end += STEP_S

    def _reached_by(self, texts: Sequence[Text], now: float) -> float:
        """The event time up to which silver has all texts. Posts and comments are committed one after the other."""
        for entity in {each.entity for each in texts}:
            own = [each.at for each in texts if each.entity == entity]
            # Some senders' clocks are wrong: a text with a time in the future must not end a step.
            newest = min(own[int(0.95 * (len(own) - 1))], now)
            self._newest[entity] = max(self._newest.get(entity, 0.0), newest)
        last = max(self._newest.values())
        # An entity without texts for a while, such as comments at night, must not hold up the steps.
        return max(self._reached, min(each for each in self._newest.values() if last - each <= IDLE_S))

    def gap(self, texts: Sequence[Text]) -> bool:
        """True if these texts are so much later than the last step that the detection must restart."""
        return bool(texts) and self._end is not None and texts[len(texts) // 2].at - self._end > GAP_S


def _first_full_step(texts: Sequence[Text]) -> int:
    """The step in which a stream begins, by the texts that came first.

    A stream that has just started also brings late texts of the hour before. As its past they would make its first
    real minute look like a flood.
    """
    counts = Counter(int(each.at // STEP_S) for each in texts)
    usual = counts[int(texts[len(texts) // 2].at // STEP_S)]
    return min(step for step, count in counts.items() if count >= FULL_SHARE * usual)


class IncidentWatch:
    """Each call passes new texts to the detection and writes the changed rows of gold/incidents.

    `texts` returns the texts that silver got since its last call. `memory` keeps the seasons, which take days to learn.
    `listening` knows when no texts could arrive.
    """

    def __init__(
        self, settings: Settings, texts: Callable[[], Sequence[Text]], memory: Memory, listening: Listening
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._listening = listening
        self._remembered_at: datetime | None = None
        self._texts = texts
        self._steps = Steps()
        self._incidents = Incidents(memory=memory.read(), pauses=listening.pauses)
        self._gold: KeyedMerge | None = None
        self._batch = 0
        self._written: dict[str, Row] = {}
        self._open: list[Row] = []

    def __call__(self, now: datetime) -> None:
        """Run the detection on the new texts and write the changed incidents; raises the storage's errors."""
        gold = self._table(now)
        texts = self._texts()
        if self._steps.gap(texts):
            memory, pauses = self._incidents.memory(), self._listening.pauses
            self._steps, self._incidents = Steps(), Incidents(memory=memory, pauses=pauses)
        changed: dict[str, Row] = {}
        hears = self._listening.hears(now.timestamp())
        for end, step in self._steps.add(texts, now.timestamp(), hears=hears):
            incident = self._incidents.step(end, step)
            if incident is not None and (row := self._worth_writing(incident)) is not None:
                changed[row["incident_id"]] = row
        if texts:
            changed |= self._ended_unseen(now, changed)
        if changed:
            self._batch += 1
            gold.apply(gold_incidents.table_of(list(changed.values())), self._batch)
        self._listening.reached(self._steps.ended)
        self._remember(now)

    def _remember(self, now: datetime) -> None:
        if self._remembered_at is None or now - self._remembered_at >= REMEMBER_EVERY:
            if self._remembered_at is not None:
                self._memory.write(self._incidents.memory())
            self._remembered_at = now

    def _table(self, now: datetime) -> KeyedMerge:
        """The table. The first call also reads which incidents were open when the previous process ended."""
        if self._gold is None:
            self._gold = keyed_merge(self._settings, gold_incidents.TABLE, f"watch/{uuid.uuid4()}")
            rows = recent(self._settings, gold_incidents.TABLE, now - LOOK_BACK, now)
            self._open = [row for row in rows if row["state"] == OPEN]
        return self._gold

    def _worth_writing(self, incident: Incident) -> Row | None:
        row = self._adopted(row_of(incident))
        known = self._written.get(incident.id)
        if known is not None and messages.subject(known) == messages.subject(row):
            age = row["last_seen"] - known["last_seen"]
            if age < timedelta(seconds=WRITTEN_EVERY_S):
                return None
        self._written = {incident.id: row}
        return row

    def _adopted(self, row: Row) -> Row:
        """The row, with id and beginning from gold if the incident was open before this process started."""
        for known in self._open:
            if abs((known["since"] - row["since"]).total_seconds()) <= SAME_S:
                return row | {name: known[name] for name in ("incident_id", "since", "found_at")}
        return row

    def _ended_unseen(self, now: datetime, changed: dict[str, Row]) -> dict[str, Row]:
        """The incidents that were open before the start and that the texts since then do not show, as closed rows."""
        over = [row for row in self._open if (now - row["last_seen"]).total_seconds() > SAME_S]
        current = {row["incident_id"] for row in (*self._written.values(), *changed.values())}
        self._open = [row for row in self._open if row not in over]
        return {
            row["incident_id"]: row | {"state": CLOSED, "ended_at": row["last_seen"]}
            for row in over
            if row["incident_id"] not in current
        }


def alerts(settings: Settings, now: datetime, since: timedelta) -> list[Alert]:
    """An alert for each incident that was seen in the time `since` before `now`, in its present state."""
    rows = recent(settings, gold_incidents.TABLE, now - LOOK_BACK, now)
    return [messages.alert(row) for row in rows if row["last_seen"] >= now.astimezone(UTC) - since]

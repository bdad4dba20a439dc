"""Runs the detection beside the stream, and keeps the incidents' life in gold/incidents.

Guarantee: a row is in gold before it is alerted, and alerts are made of rows, so a process that ends in between alerts
after its next start. A start reads the last minutes of silver again; an incident that was open then keeps its id.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from streaming.alerts import messages
from streaming.alerts.detection.counts import STEP_S
from streaming.alerts.detection.incidents import CLOSED, OPEN, Incident, Incidents
from streaming.alerts.detection.text import Text
from streaming.alerts.incident_rows import row_of
from streaming.alerts.rules import Alert
from streaming.delta.merge import KeyedMerge
from streaming.delta.tables import location, recent, storage_options
from streaming.settings import Settings
from streaming.tables import gold_incidents

log = logging.getLogger(__name__)

# How long after the end of a step its texts may still come: silver's newest rows are a few seconds old.
GRACE_S = 10.0
# Without any text for so long, the steps go on: an outage of the sources is an incident too.
IDLE_S = 60.0
# A longer gap between texts begins the detection anew: it would take thousands of empty steps.
GAP_S = 3600.0
# An incident that changes only in its numbers is written again after so long.
WRITTEN_EVERY_S = 60.0
LOOK_BACK = timedelta(days=1)
# Two findings of one incident, before and after a restart, begin at most so far apart.
SAME_S = 1200.0

REMEMBER_EVERY = timedelta(minutes=10)

Row = dict[str, Any]


class Memory(Protocol):
    """Stores one JSON object."""

    def read(self) -> Mapping[str, Any]:
        """The object that was written last; empty before the first."""
        ...

    def write(self, value: Mapping[str, Any]) -> None:
        """Replace it."""
        ...


class Steps:
    """Cuts texts into steps of event time. A step ends when nearly all texts are newer than it."""

    def __init__(self) -> None:
        self._end: float | None = None
        self._reached = 0.0
        self._waiting: list[Text] = []
        self._last_text_at = 0.0
        self._newest: dict[str, float] = {}

    def add(self, texts: Sequence[Text], now: float) -> Iterator[tuple[float, list[Text]]]:
        """Take texts in order of their times; yields the steps that are complete: their end and their texts.

        `now` is the time of day in epoch seconds. Texts of a step that ended before are left out.
        """
        if texts:
            self._reached = self._reached_by(texts, now)
            self._last_text_at = now
        elif self._last_text_at and now - self._last_text_at >= IDLE_S and now - self._reached < GAP_S:
            self._reached = max(self._reached, now - IDLE_S)
        if self._end is None and texts:
            # The step in which the texts begin is not whole.
            self._end = (texts[0].at // STEP_S + 2) * STEP_S
        self._waiting += texts
        while self._end is not None and self._end + GRACE_S <= self._reached:
            yield self._end, [each for each in self._waiting if self._end - STEP_S <= each.at < self._end]
            self._waiting = [each for each in self._waiting if each.at >= self._end]
            self._end += STEP_S

    def _reached_by(self, texts: Sequence[Text], now: float) -> float:
        """The event time up to which all is there: posts and comments are committed one after the other."""
        for entity in {each.entity for each in texts}:
            own = [each.at for each in texts if each.entity == entity]
            # Some clocks are wrong: a text from the future must not end a step.
            newest = min(own[int(0.95 * (len(own) - 1))], now)
            self._newest[entity] = max(self._newest.get(entity, 0.0), newest)
        last = max(self._newest.values())
        # A platform may have no comments for a while: then the posts alone decide.
        return max(self._reached, min(each for each in self._newest.values() if last - each <= IDLE_S))

    def gap(self, texts: Sequence[Text]) -> bool:
        """True if these texts come so long after the ones before that the detection begins anew."""
        return bool(texts) and self._end is not None and texts[len(texts) // 2].at - self._end > GAP_S


class IncidentWatch:
    """One round: new texts in, changed rows of gold/incidents out.

    `texts` returns what silver took in since it was called last. `memory` keeps the seasons, which take days to learn.
    """

    def __init__(self, settings: Settings, texts: Callable[[], Sequence[Text]], memory: Memory) -> None:
        self._settings = settings
        self._memory = memory
        self._remembered_at: datetime | None = None
        self._texts = texts
        self._steps = Steps()
        self._incidents = Incidents(memory=memory.read())
        self._gold: KeyedMerge | None = None
        self._batch = 0
        self._written: dict[str, Row] = {}
        self._open: list[Row] = []

    def __call__(self, now: datetime) -> None:
        """Look at the new texts and write what changed; raises what the storage raises."""
        gold = self._table(now)
        texts = self._texts()
        if self._steps.gap(texts):
            self._steps, self._incidents = Steps(), Incidents(memory=self._incidents.memory())
        changed: dict[str, Row] = {}
        for end, step in self._steps.add(texts, now.timestamp()):
            incident = self._incidents.step(end, step)
            if incident is not None and (row := self._worth_writing(incident)) is not None:
                changed[row["incident_id"]] = row
        if texts:
            changed |= self._ended_unseen(now, changed)
        if changed:
            self._batch += 1
            gold.apply(gold_incidents.table_of(list(changed.values())), self._batch)
        self._remember(now)

    def _remember(self, now: datetime) -> None:
        if self._remembered_at is None or now - self._remembered_at >= REMEMBER_EVERY:
            if self._remembered_at is not None:
                self._memory.write(self._incidents.memory())
            self._remembered_at = now

    def _table(self, now: datetime) -> KeyedMerge:
        """The table; the first time also reads which incidents were open when the process before ended."""
        if self._gold is None:
            uri, options = location(self._settings.table(gold_incidents.NAME)), storage_options(self._settings)
            query = f"watch/{uuid.uuid4()}"
            self._gold = KeyedMerge(gold_incidents.TABLE, uri, options, query, self._settings.token)
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
        """The row with the id and beginning under which gold has it already."""
        for known in self._open:
            if abs((known["since"] - row["since"]).total_seconds()) <= SAME_S:
                return row | {name: known[name] for name in ("incident_id", "since", "found_at")}
        return row

    def _ended_unseen(self, now: datetime, changed: dict[str, Row]) -> dict[str, Row]:
        """The incidents that were open before the start, and that the texts read since then do not show any more."""
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

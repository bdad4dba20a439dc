"""Observes texts that silver took in: drift, shadow scoring, and quality by people's labels. No Spark job is needed.

Drift: the version that scored a text compares the texts with those that it was evaluated on; where the data changed, a
new model is requested (drift.py). Shadow scoring: the challenger, if there is one, scores the texts as well
(challenger.py). Quality: the sentiments of each version are compared with people's labels (quality.py).

Exactly once: the range of rows of a batch is written down before the batch is read, and its number is in the commits.
After a crash the last batch is repeated, and each table skips it if it holds it already. A hash of `event_id` selects
the sample, so a repetition selects the same texts. If its model cannot be loaded again, the batch is skipped rather
than counted twice. The first start begins with the rows that arrive from then on.
"""

from __future__ import annotations

import time
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from streaming import commit_points
from streaming.delta.log import AppendedRows
from streaming.delta.merge import KeyedMerge, created, keyed_merge
from streaming.delta.tables import (
    location,
    open_table,
    read,
    storage_options,
)
from streaming.files import Files
from streaming.scoring.challenger import Challenger
from streaming.scoring.drift import Drift
from streaming.scoring.quality import Quality
from streaming.settings import Settings
from streaming.tables import (
    gold_drift_by_hour,
    gold_labelled_by_hour,
    gold_shadow_by_hour,
    silver_comments,
    silver_labels,
    silver_posts,
)
from streaming.tables.keyed_table import KeyedTable

SOURCES = (silver_posts.NAME, silver_comments.NAME)
# Rows of each source in a round, before the sample is taken.
MAX_ROWS = 20_000
NOTE_EVERY_S = 60.0
TABLES = (gold_drift_by_hour.TABLE, gold_shadow_by_hour.TABLE, gold_labelled_by_hour.TABLE)
READ = pa.unify_schemas([gold_shadow_by_hour.SERVED, gold_drift_by_hour.SERVED])


@dataclass(frozen=True)
class Batch:
    """What one batch reads: of each table the versions after `since` up to `until`, scored by `challenger`, if any."""

    query: str
    number: int
    challenger: str | None
    since: dict[str, int]
    until: dict[str, int]


class Positions(Protocol):
    """Stores the batch that was begun last."""

    def read(self) -> Batch | None:
        """The last one written, or None."""
        ...

    def write(self, batch: Batch) -> None:
        """Replace it."""
        ...


class Position:
    """A small JSON file beside the checkpoints."""

    def __init__(self, files: Files, path: str) -> None:
        self._files = files
        self._path = path

    def read(self) -> Batch | None:
        """The last one written, or None."""
        found = self._files.read_json(self._path)
        return None if found is None else Batch(**found)

    def write(self, batch: Batch) -> None:
        """Replace it."""
        self._files.write_json(self._path, asdict(batch))


class Observer:
    """One round of observing; the module's docstring says why a repetition is safe."""

    def __init__(self, settings: Settings, challenger: Challenger, drift: Drift, positions: Positions) -> None:
        self._settings = settings
        self._challenger = challenger
        self._drift = drift
        self._quality = Quality(settings, challenger)
        self._positions = positions
        self._sources = {name: AppendedRows(settings, name) for name in SOURCES}
        self._tables: dict[str, KeyedMerge] = {}
        self._last: Batch | None = None
        self._since: dict[str, int] | None = None
        self._started = False
        self._note_at = 0.0

    def __call__(self) -> Mapping[str, Any]:
        """Observe the rows since the previous round; raises what the storage raises."""
        redone = self._resume()
        version = self._challenger.version()
        self._quality(version)
        if self._since is None:
            self._since = {name: source.newest() for name, source in self._sources.items()}
        until = {name: source.reach(self._since[name], MAX_ROWS) for name, source in self._sources.items()}
        if until == self._since:
            return {"numInputRows": redone}
        self._last = self._next(version, self._since, until)
        self._positions.write(self._last)
        commit_points.reached("observe.noted")
        self._since = until
        return {"numInputRows": redone + self._observe(self._last)}

    def _resume(self) -> int:
        """Once after a start: repeat the last batch, which may have been cut off, and continue after it."""
        if self._started:
            return 0
        for table in (*TABLES, silver_labels.TABLE):
            # At once, because a data catalogue expects every table, even without a challenger or a label.
            created(table, location(self._settings.table(table.name)), storage_options(self._settings))
        self._last = self._positions.read()
        redone = 0
        if self._last is not None:
            redone = self._observe(self._last)
            self._since = self._last.until if self._is_known(self._last.until) else None
        self._started = True
        return redone

    def _is_known(self, until: Mapping[str, int]) -> bool:
        """True if the logs still hold the commits after `until`; otherwise the reader would wait there for ever."""
        return all(
            version == source.newest() or source.reach(version, 0) > version
            for version, source in ((until[name], source) for name, source in self._sources.items())
        )

    def _next(self, version: str | None, since: dict[str, int], until: dict[str, int]) -> Batch:
        query, number = (self._last.query, self._last.number + 1) if self._last else (f"observe/{uuid.uuid4()}", 0)
        return Batch(query, number, version, since, until)

    def _observe(self, batch: Batch) -> int:
        """Add one batch to gold; returns how many texts were observed."""
        parts = [source.rows(batch.since[name], batch.until[name], READ) for name, source in self._sources.items()]
        rows = scored(pa.concat_tables(parts))
        profiled = shared(rows, self._settings.drift_share)
        self._drift.count(profiled, self._table(gold_drift_by_hour.TABLE, batch.query), batch.number)
        texts = shared(rows, self._settings.shadow_share)
        scored_texts = self._shadow(texts, batch)
        commit_points.reached("observe.committed")
        return max(int(profiled.num_rows), scored_texts)

    def _shadow(self, texts: pa.Table, batch: Batch) -> int:
        """Score the texts that the challenger did not serve itself; returns how many."""
        if batch.challenger is None:
            return 0
        texts = texts.filter(pc.not_equal(texts["model_version"], batch.challenger))
        if not texts.num_rows:
            return 0
        began = time.perf_counter()
        scores = self._challenger.score(batch.challenger, texts["text"].to_pylist())
        seconds = time.perf_counter() - began
        if scores is None:
            return 0
        rows = gold_shadow_by_hour.rows(texts, scores, batch.challenger, seconds)
        self._table(gold_shadow_by_hour.TABLE, batch.query).apply(rows, batch.number)
        self._note(batch.challenger)
        return int(texts.num_rows)

    def _table(self, table: KeyedTable, query: str) -> KeyedMerge:
        if table.name not in self._tables:
            self._tables[table.name] = keyed_merge(self._settings, table, query)
        return self._tables[table.name]

    def _note(self, version: str) -> None:
        if time.monotonic() < self._note_at:
            return
        self._note_at = time.monotonic() + NOTE_EVERY_S
        columns = ["challenger_version", "texts", "agreements"]
        every = read(open_table(self._settings, gold_shadow_by_hour.NAME), columns)
        own = every.filter(pc.equal(every["challenger_version"], version))
        texts, agreements = (pc.sum(own[name]).as_py() or 0 for name in ("texts", "agreements"))
        self._challenger.note(version, texts, agreements)


def scored(rows: pa.Table) -> pa.Table:
    """The rows that a model has scored."""
    return rows.filter(pc.and_(pc.is_valid(rows["polarity"]), pc.is_valid(rows["model_version"])))


def shared(rows: pa.Table, share: float) -> pa.Table:
    """The sample of the rows that is observed, selected by a hash of `event_id`; `share` is from 0 to 1."""
    limit = share * 2**32
    return rows.filter(
        pa.array([zlib.crc32(each.encode()) < limit for each in rows["event_id"].to_pylist()], pa.bool_())
    )

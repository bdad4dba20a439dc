"""silver -> gold/drift_by_hour, shadow_by_hour, labelled_by_hour: some texts looked at again, without a Spark job.

Drift: the version that scored a text tells what texts are like by now and how far that is from what it was judged on;
where the data changed, a new model is asked for. Shadow: the challenger, where there is one, scores them as well.

Exactly once: what a batch reads is written down before it is read, and the batch's number is in the commits. After a
crash the last batch is done again, and left out where gold holds it. The share is chosen by a hash of `event_id`, so a
repetition takes the same texts. A batch is given up, never doubled, where its version is refused or cannot be fetched
again. The first start begins with what comes in from then on.

Quality: where people labelled texts, what each version said of them is counted; see quality.py.
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
from pyspark.sql import SparkSession

from streaming import commit_points
from streaming.delta.log import AppendedRows
from streaming.delta.merge import KeyedMerge, created
from streaming.delta.tables import (
    location,
    open_table,
    read,
    storage_options,
)
from streaming.files import Files
from streaming.loop import Loop, Running
from streaming.scoring.challenger import Challenger
from streaming.scoring.champion import MlflowRegistry
from streaming.scoring.drift import Drift
from streaming.scoring.profiles import Profilers, Retraining
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
# Of each table in a round, before the share is taken.
MOST_ROWS = 20_000
NOTE_EVERY_S = 60.0
TABLES = (gold_drift_by_hour.TABLE, gold_shadow_by_hour.TABLE, gold_labelled_by_hour.TABLE)
READ = pa.unify_schemas([gold_shadow_by_hour.SERVED, gold_drift_by_hour.SERVED])


def start(spark: SparkSession, settings: Settings) -> Running:  # noqa: ARG001 - what every hop takes
    """Look at what silver took in, every `observe_interval` seconds."""
    files, folder = Files(settings), settings.checkpoint("observe")
    registry = MlflowRegistry(settings.mlflow_uri, settings.model_name)

    def tell(refused: Mapping[str, str]) -> None:
        files.write_json(f"{folder}/refused.json", refused)

    def served(version: str) -> bytes | None:
        return files.read(f"{settings.checkpoint('refine-models')}/{version}.tar")

    observer = Observer(
        settings,
        Challenger(registry, tell),
        Drift(settings, Profilers(served), Retraining(registry)),
        Position(files, f"{folder}/position.json"),
    )
    return Loop("observe", observer, settings.observe_interval)


@dataclass(frozen=True)
class Batch:
    """What one batch reads: by table, the versions after `since` up to `until`; `challenger`, if any, scores it."""

    query: str
    number: int
    challenger: str | None
    since: dict[str, int]
    until: dict[str, int]


class Positions(Protocol):
    """Where the last batch that was begun is kept."""

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
    """One round of observing; see the module for what makes a repetition safe."""

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
        """Look at what came in since the round before; raises what the storage raises."""
        redone = self._resume()
        version = self._challenger.version()
        self._quality(version)
        if self._since is None:
            self._since = {name: source.newest() for name, source in self._sources.items()}
        until = {name: source.reach(self._since[name], MOST_ROWS) for name, source in self._sources.items()}
        if until == self._since:
            return {"numInputRows": redone}
        self._last = self._next(version, self._since, until)
        self._positions.write(self._last)
        commit_points.reached("observe.noted")
        self._since = until
        return {"numInputRows": redone + self._observe(self._last)}

    def _resume(self) -> int:
        """Once after a start: do the last batch again, which may have been cut off, and go on behind it."""
        if self._started:
            return 0
        for table in (*TABLES, silver_labels.TABLE):
            # At once: what catalogues the lake looks for every table, be there a challenger or a label or not.
            created(table, location(self._settings.table(table.name)), storage_options(self._settings))
        self._last = self._positions.read()
        redone = 0
        if self._last is not None:
            redone = self._observe(self._last)
            self._since = self._last.until if self._is_known(self._last.until) else None
        self._started = True
        return redone

    def _is_known(self, until: Mapping[str, int]) -> bool:
        """Whether the logs still tell what came after: otherwise the reader would wait there for ever."""
        return all(
            version == source.newest() or source.reach(version, 0) > version
            for version, source in ((until[name], source) for name, source in self._sources.items())
        )

    def _next(self, version: str | None, since: dict[str, int], until: dict[str, int]) -> Batch:
        query, number = (self._last.query, self._last.number + 1) if self._last else (f"observe/{uuid.uuid4()}", 0)
        return Batch(query, number, version, since, until)

    def _observe(self, batch: Batch) -> int:
        """Bring one batch to gold; returns how many texts were looked at."""
        parts = [source.rows(batch.since[name], batch.until[name], READ) for name, source in self._sources.items()]
        rows = scored(pa.concat_tables(parts))
        profiled = shared(rows, self._settings.drift_share)
        self._drift.count(profiled, self._table(gold_drift_by_hour.TABLE, batch.query), batch.number)
        texts = shared(rows, self._settings.shadow_share)
        scored_texts = self._shadow(texts, batch)
        commit_points.reached("observe.committed")
        return max(int(profiled.num_rows), scored_texts)

    def _shadow(self, texts: pa.Table, batch: Batch) -> int:
        """Score what the challenger has not served itself; returns how many texts that were."""
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
            uri = location(self._settings.table(table.name))
            self._tables[table.name] = KeyedMerge(table, uri, storage_options(self._settings), query)
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
    """The share of the rows that is looked at: by a hash of `event_id`."""
    limit = share * 2**32
    return rows.filter(
        pa.array([zlib.crc32(each.encode()) < limit for each in rows["event_id"].to_pylist()], pa.bool_())
    )

"""silver -> gold/shadow_by_hour: a share of the texts scored again by the challenger, in a loop without Spark jobs.

Exactly once: what a batch reads is written down before it is read, and the batch's number is in the commit. After a
crash the last batch is done again, and left out if gold holds it. The share is chosen by a hash of `event_id`, so a
repetition takes the same texts. A batch is given up, never doubled, where its version is refused or cannot be fetched
again. Without a challenger nothing is read; a new one starts with what comes in from then on.
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

from streaming import storage
from streaming.challenger import Challenger
from streaming.hops.lifecycle import Loop, Running
from streaming.scoring import MlflowRegistry
from streaming.settings import Settings
from streaming.sinks.keyed_delta import KeyedDelta
from streaming.sources.appended import Appended
from streaming.sources.delta_rs import location, open_table, read, storage_options
from streaming.tables import gold_shadow_by_hour, silver_comments, silver_posts

SOURCES = (silver_posts.NAME, silver_comments.NAME)
# Of each table in a round, before the share is taken.
MOST_ROWS = 20_000
NOTE_EVERY_S = 60.0


def start(spark: SparkSession, settings: Settings) -> Running:
    """Let the challenger, where there is one, score its share every `observe_interval` seconds."""
    folder = settings.checkpoint("observe")
    registry = MlflowRegistry(settings.mlflow_uri, settings.model_name)

    def tell(refused: Mapping[str, str]) -> None:
        storage.write_json(spark, f"{folder}/refused.json", refused)

    observer = Observer(settings, Challenger(registry, tell), Position(spark, f"{folder}/position.json"))
    return Loop("observe", observer, settings.observe_interval)


@dataclass(frozen=True)
class Batch:
    """What one batch reads: by table, the versions after `since` up to `until`; `challenger` scores it."""

    query: str
    number: int
    challenger: str
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

    def __init__(self, spark: SparkSession, path: str) -> None:
        self._spark = spark
        self._path = path

    def read(self) -> Batch | None:
        """The last one written, or None."""
        found = storage.read_json(self._spark, self._path)
        return None if found is None else Batch(**found)

    def write(self, batch: Batch) -> None:
        """Replace it."""
        storage.write_json(self._spark, self._path, asdict(batch))


class Observer:
    """One round of observing; see the module for what makes a repetition safe."""

    def __init__(self, settings: Settings, challenger: Challenger, positions: Positions) -> None:
        self._settings = settings
        self._challenger = challenger
        self._positions = positions
        self._sources = {name: Appended(settings, name) for name in SOURCES}
        self._gold: KeyedDelta | None = None
        self._last: Batch | None = None
        self._since: dict[str, int] | None = None
        self._started = False
        self._note_at = 0.0

    def __call__(self) -> Mapping[str, Any]:
        """Score what came in since the round before; raises what the storage raises."""
        redone = self._resume()
        version = self._challenger.version()
        if version is None:
            self._since = None
            return {"numInputRows": redone}
        if self._since is None:
            self._since = {name: source.newest() for name, source in self._sources.items()}
        until = {name: source.reach(self._since[name], MOST_ROWS) for name, source in self._sources.items()}
        if until == self._since:
            return {"numInputRows": redone}
        self._last = self._next(version, self._since, until)
        self._positions.write(self._last)
        self._since = until
        return {"numInputRows": redone + self._observe(self._last)}

    def _resume(self) -> int:
        """Once after a start: do the last batch again, which may have been cut off, and go on behind it."""
        if self._started:
            return 0
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

    def _next(self, version: str, since: dict[str, int], until: dict[str, int]) -> Batch:
        query, number = (self._last.query, self._last.number + 1) if self._last else (f"observe/{uuid.uuid4()}", 0)
        return Batch(query, number, version, since, until)

    def _observe(self, batch: Batch) -> int:
        """Score one batch and bring it to gold; returns how many texts were scored."""
        parts = [
            source.rows(batch.since[name], batch.until[name], gold_shadow_by_hour.SERVED)
            for name, source in self._sources.items()
        ]
        texts = shared(pa.concat_tables(parts), self._settings.shadow_share, batch.challenger)
        if not texts.num_rows:
            return 0
        began = time.perf_counter()
        scores = self._challenger.score(batch.challenger, texts["text"].to_pylist())
        seconds = time.perf_counter() - began
        if scores is None:
            return 0
        rows = gold_shadow_by_hour.rows(texts, scores, batch.challenger, seconds)
        self._table(batch.query).apply(rows, batch.number)
        self._note(batch.challenger)
        return int(texts.num_rows)

    def _table(self, query: str) -> KeyedDelta:
        if self._gold is None:
            uri = location(self._settings.table(gold_shadow_by_hour.NAME))
            self._gold = KeyedDelta(gold_shadow_by_hour.TABLE, uri, storage_options(self._settings), query)
        return self._gold

    def _note(self, version: str) -> None:
        if time.monotonic() < self._note_at:
            return
        self._note_at = time.monotonic() + NOTE_EVERY_S
        columns = ["challenger_version", "texts", "agreements"]
        every = read(open_table(self._settings, gold_shadow_by_hour.NAME), columns)
        own = every.filter(pc.equal(every["challenger_version"], version))
        texts, agreements = (pc.sum(own[name]).as_py() or 0 for name in ("texts", "agreements"))
        self._challenger.note(version, texts, agreements)


def shared(rows: pa.Table, share: float, challenger: str) -> pa.Table:
    """The rows that the challenger scores: by a hash of `event_id`, and only what another version has scored."""
    scored = pc.and_(pc.is_valid(rows["sentiment"]), pc.is_valid(rows["polarity"]))
    others = pc.fill_null(pc.not_equal(rows["model_version"], challenger), False)
    rows = rows.filter(pc.and_(scored, others))
    limit = share * 2**32
    return rows.filter(
        pa.array([zlib.crc32(each.encode()) < limit for each in rows["event_id"].to_pylist()], pa.bool_())
    )

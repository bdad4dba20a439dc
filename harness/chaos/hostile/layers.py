"""The path of one stream in this process, batch by batch: the code of each hop, without its query and its waiting.

What is left out is Spark's own: the offsets of its queries, the state in which it keeps ids to drop duplicates, and the
addition of the sums of several tasks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import write_deltalake
from pyspark.sql import Row
from pyspark.sql.pandas.types import to_arrow_schema

from harness.chaos.hostile.records import Arrived
from streaming.delta.append import FileAppend
from streaming.delta.data_files import DataFiles, Target
from streaming.delta.merge import keyed_merge
from streaming.delta.tables import location
from streaming.hops import aggregate
from streaming.scoring.language import UNSUPPORTED
from streaming.settings import Settings
from streaming.sinks.users import Users
from streaming.tables import bronze_events
from streaming.tables.catalog import SILVER
from streaming.tables.columns import PARTITIONS
from streaming.tables.gold_contributions import counted, summed, with_times
from streaming.tables.gold_sums import sums_of
from streaming.tables.parsed_events import parsed_batches
from streaming.warehouse.base import Warehouse
from streaming.warehouse.facts import Loader
from streaming.warehouse.serving import Server

QUERY = "hostile"
STREAM = "events"
FIRST_NUMBER = 49_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000
SENTIMENTS = ("negative", "neutral", "positive")
LANGUAGE, OTHER_LANGUAGE = "en", "de"
BRONZE = to_arrow_schema(bronze_events.SCHEMA)


class Layers:
    """A lake and the warehouses that follow it. `take` brings records through all of them."""

    def __init__(self, settings: Settings, warehouses: Sequence[Warehouse]) -> None:
        self._settings = settings
        self._appends = {entity: FileAppend(settings, table.name, QUERY) for entity, table in SILVER.items()}
        self._users, self._gold = Users(settings, partial(keyed_merge, settings)), aggregate.gold(settings)
        self._steps = [step(settings, each) for each in warehouses for step in (Loader, Server)]
        self._seen: set[str] = set()
        self._arrived = 0

    def take(self, records: Sequence[Arrived], batch: int) -> None:
        """Bring one micro-batch of records through every layer."""
        rows = [self._bronze_row(record) for record in records]
        bronze = pa.Table.from_pylist(rows, BRONZE)
        write_deltalake(self._settings.table(bronze_events.NAME), bronze, mode="append")
        files = self._refined(bronze, batch)
        self._gold.write(self._sums(files), batch, QUERY)
        self._users.merge()
        for step in self._steps:
            step()

    def _bronze_row(self, record: Arrived) -> dict[str, Any]:
        self._arrived += 1
        arrival = record.arrival
        return {
            "data": record.data,
            "stream": STREAM,
            "partition_key": record.partition_key,
            "sequence_number": str(FIRST_NUMBER + self._arrived),
            "arrival_time": arrival,
            "ingested_at": arrival,
            **{name: getattr(arrival, name) for name in PARTITIONS},
        }

    def _refined(self, bronze: pa.Table, batch: int) -> dict[str, list[Row]]:
        """Append the events to silver; returns the files by entity."""
        write = DataFiles({entity: _target(self._settings, entity) for entity in SILVER}, {})
        files: dict[str, list[Row]] = defaultdict(list)
        events = map(_scored, self._first_of_each(parsed_batches(bronze.to_batches())))
        for written in write(events):
            for file in written.to_pylist():
                files[file["entity"]].append(Row(**file))
        for entity, of_entity in files.items():
            self._appends[entity].commit(of_entity, batch)
        return files

    def _first_of_each(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Drop what has a key that came before, as Spark does in the running job."""
        for batch in batches:
            new = []
            for key in batch["duplicate_key"].to_pylist():
                new.append(key not in self._seen)
                self._seen.add(key)
            if any(new):
                yield batch.filter(pa.array(new))

    def _sums(self, files: Mapping[str, Sequence[Row]]) -> pa.Table:
        """What the rows in the files of a batch, by entity, contribute to gold."""
        parts = []
        for entity, of_entity in files.items():
            root = location(self._settings.table(SILVER[entity].name))
            read = (pq.read_table(f"{root}/{file.path}", partitioning=None) for file in of_entity)
            parts += [sums_of(entity, counted(rows)) for rows in read]
        return with_times(summed(parts))


def _target(settings: Settings, entity: str) -> Target:
    table = SILVER[entity]
    columns = [field for field in to_arrow_schema(table.schema) if field.name not in PARTITIONS]
    return Target(location(settings.table(table.name)), pa.schema(columns), table.time)


def _scored(events: pa.RecordBatch) -> pa.RecordBatch:
    """Scores that depend on the text alone, and differ from text to text; none for some, as for unknown languages."""
    rows = pa.Table.from_batches([events])
    digests = [blake2b((text or "").encode(), digest_size=2).digest() for text in rows["text"].to_pylist()]
    known = [digest[0] % 8 > 0 for digest in digests]
    scores = {
        "sentiment": pa.array([SENTIMENTS[digest[0] % 3] for digest in digests], pa.string()),
        "polarity": pa.array([digest[1] / 128 - 1 for digest in digests], pa.float64()),
        "confidence": pa.array([digest[0] / 256 for digest in digests], pa.float64()),
    }
    for name, values in scores.items():
        rows = rows.append_column(name, pc.if_else(pa.array(known), values, None))
    has_text = pc.is_valid(rows["text"])
    languages = pc.if_else(pa.array(known), LANGUAGE, OTHER_LANGUAGE)
    reasons = pc.if_else(pa.array(known), pa.scalar(None, pa.string()), UNSUPPORTED)
    rows = rows.append_column("language", pc.if_else(has_text, languages, None))
    rows = rows.append_column("unscored_reason", pc.if_else(has_text, reasons, None))
    rows = rows.append_column("scored_by", pa.nulls(rows.num_rows, pa.string()))
    rows = rows.append_column("model_version", pa.array(["1"] * rows.num_rows))
    return rows.combine_chunks().to_batches()[0]

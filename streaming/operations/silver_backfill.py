"""Appends to silver the events of bronze that it lacks.

Guarantee: no event twice. `append_missing` reads only those versions of bronze that the refine query has finished,
since the query itself will process the later ones. Both functions append only events whose id silver lacks. Each append
claims the next number of the application transaction `backfill`, so if two backfills run at once, one fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError
from pyspark.sql.pandas.types import to_arrow_schema

from streaming.corrections import erased_events, readers
from streaming.delta.tables import chunks, open_table, read
from streaming.errors import OperationFailed
from streaming.operations.command import Progress
from streaming.operations.silver_ids import present
from streaming.scoring import registry
from streaming.scoring.archive import Model
from streaming.scoring.language import judged
from streaming.settings import Settings
from streaming.tables import (
    bronze_events,
    silver_comments,
    silver_posts,
    silver_rejected,
)
from streaming.tables.catalog import SILVER, SilverTable
from streaming.tables.parsed_events import QUARANTINED, REJECTED, parsed_batches, record_digest

COLUMNS = ["data", "stream", "partition_key", "sequence_number", "arrival_time", "ingested_at"]
TEXTS = (silver_posts.ENTITY, silver_comments.ENTITY)
TRANSACTION = "backfill"
REFINE = "refine"

Row = dict[str, Any]
Place = tuple[str, str, int, str]


def append_missing(settings: Settings, first: datetime, last: datetime, progress: Progress) -> dict[str, int]:
    """Append the events that silver lacks, of the records that arrived in [first, last); returns rows by table.

    Memory: a chunk of bronze, and the positions of the range's rejected events.
    """
    bronze, arrived = _refined(settings), _between(first, last)
    if bronze is None:
        return _none()
    return _append_from(settings, bronze, arrived, _rejected(settings, arrived), progress)


def append_unread(settings: Settings, since: datetime | None, version: int, progress: Progress) -> int:
    """Append the events that silver lacks of `version` of bronze, ingested from `since` on (None: all); counts rows.

    Only while refine does not run: it may have begun to read the same rows.
    """
    bronze = open_table(settings, bronze_events.NAME)
    bronze.load_as_version(version)
    ingested = None if since is None else f"ingested_at >= '{since.isoformat()}'"
    return sum(_append_from(settings, bronze, ingested, _rejected(settings, None), progress).values())


def _none() -> dict[str, int]:
    return dict.fromkeys((table.name for table in SILVER.values()), 0)


def _append_from(
    settings: Settings, bronze: DeltaTable, where: str | None, rejected: set[Place], progress: Progress
) -> dict[str, int]:
    filled = _none()
    read_records = 0
    champion = _Champion(settings)
    for batch in chunks(bronze, COLUMNS, where):
        records = batch.sort_by("ingested_at").combine_chunks()
        read_records += records.num_rows
        for events in parsed_batches(records.to_batches()):
            # Where parsing fails, the record is in quarantine already.
            readable = [row for row in events.to_pylist() if row["entity"] != QUARANTINED]
            missing = _missing(settings, readable, rejected)
            for entity, table in SILVER.items():
                rows = [row for row in missing if row["entity"] == entity]
                filled[table.name] += _append(settings, table, champion.scored(rows) if entity in TEXTS else rows)
        progress(f"{read_records:,} records read, {sum(filled.values()):,} rows appended")
    return filled


def _refined(settings: Settings) -> DeltaTable | None:
    """The last version of bronze that the refine query has finished; None if it has finished none."""
    bronze = open_table(settings, bronze_events.NAME)
    position = readers.positions(settings, bronze).get(REFINE, bronze.version() + 1)
    if position == 0:
        return None
    bronze.load_as_version(min(position - 1, bronze.version()))
    return bronze


def _between(first: datetime, last: datetime) -> str:
    return f"arrival_time >= '{first.isoformat()}' AND arrival_time < '{last.isoformat()}'"


def _rejected(settings: Settings, where: str | None) -> set[Place]:
    columns = ["stream", "sequence_number", "record_index", "data", "record_digest"]
    rows = read(open_table(settings, silver_rejected.NAME), columns, where)
    return {_place(row) for row in rows.to_pylist()}


def _place(row: Row) -> Place:
    digest = row["record_digest"] or record_digest(row["data"] or b"")
    return row["stream"], row["sequence_number"], row["record_index"], digest


def _missing(settings: Settings, events: list[Row], rejected: set[Place]) -> list[Row]:
    """The events that silver lacks, the first of each id. Erased events are left out: a later copy of one may exist."""
    ids = sorted({row["event_id"] for row in events if row["entity"] != REJECTED})
    there = present(settings, ids) | erased_events.event_ids(settings, pa.array(ids, pa.string()))
    missing = []
    for row in events:
        if row["entity"] == REJECTED:
            known, key = rejected, _place(row)
        else:
            known, key = there, row["event_id"]  # type: ignore[assignment]
        if key not in known:
            known.add(key)
            missing.append(row)
    return missing


class _Champion:
    """Scores with the champion, which it loads for the first text."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model: tuple[str, Model] | None = None

    def scored(self, rows: list[Row]) -> list[Row]:
        """The rows with the columns of a score."""
        if not rows:
            return rows
        if self._model is None:
            version = registry.champion(self._settings)
            self._model = version, registry.load(self._settings, version)
        version, model = self._model
        texts, tags = (pd.Series([row[name] for row in rows], dtype=object) for name in ("text", "lang"))
        scores = judged(model, texts, tags).assign(model_version=version)
        columns = pa.Table.from_pandas(scores, preserve_index=False).to_pylist()
        return [row | score for row, score in zip(rows, columns, strict=True)]


def _append(settings: Settings, target: SilverTable, rows: list[Row]) -> int:
    if not rows:
        return 0
    table = open_table(settings, target.name)
    claim = Transaction(TRANSACTION, (table.transaction_version(TRANSACTION) or 0) + 1)
    times = [row[target.time] for row in rows]
    parts: Iterator[Row] = ({"year": time.year, "month": time.month, "day": time.day} for time in times)
    schema = to_arrow_schema(target.schema)
    batch = pa.Table.from_pylist([{**row, **part} for row, part in zip(rows, parts, strict=True)], schema)
    try:
        write_deltalake(table, batch, mode="append", commit_properties=CommitProperties(app_transactions=[claim]))
    except CommitFailedError as error:
        raise OperationFailed(f"{target.name}: another backfill is running; wait for it, then try again") from error
    return len(rows)

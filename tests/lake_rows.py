"""Lakes filled without Spark: bronze rows, and the silver rows that the job makes of them."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from pyspark.sql.pandas.types import to_arrow_schema

from moodstream import exit_code_of
from streaming.settings import Settings
from streaming.tables import bronze_events, catalog
from streaming.tables.catalog import SILVER
from streaming.tables.parsed_events import parsed_batches
from tests.builders import NOON, a_bronze_row

SCORES = {"sentiment": "positive", "polarity": 0.5, "confidence": 0.75, "model_version": "1", "language": "en"}
BRONZE = to_arrow_schema(bronze_events.SCHEMA)


def settings_of(lake: Path, **overrides: Any) -> Settings:
    """Settings of a lake whose checkpoints lie beside it."""
    return Settings(lake=str(lake), checkpoints=str(lake.parent / "checkpoints"), stream="events", **overrides)


def append(lake: Path, name: str, rows: Iterable[Mapping[str, Any]], at: str = "event_time") -> None:
    """Append rows to a table of the catalog; `at` names the time that they are partitioned by."""
    parts = [{**row, "year": row[at].year, "month": row[at].month, "day": row[at].day} for row in rows]
    if parts:
        table = pa.Table.from_pylist(parts, to_arrow_schema(catalog.APPENDED[name]))
        write_deltalake(str(lake / name), table, mode="append", schema_mode="merge")


def arrived(lake: Path, *data: bytes, first_number: int = 0, time: datetime = NOON) -> list[dict[str, Any]]:
    """Append records to bronze; returns the rows."""
    rows = [a_bronze_row(each, first_number + n, time) for n, each in enumerate(data)]
    append(lake, "bronze/events", rows, at="arrival_time")
    return rows


def refined(lake: Path, *data: bytes, first_number: int = 0, time: datetime = NOON) -> None:
    """Append records to bronze and their events to silver, every text found positive."""
    rows = [{**row, "data": bytes(row["data"])} for row in arrived(lake, *data, first_number=first_number, time=time)]
    for batch in parsed_batches([pa.RecordBatch.from_pylist(rows, BRONZE)]):
        for entity, table in SILVER.items():
            events = [row | SCORES for row in batch.to_pylist() if row["entity"] == entity]
            append(lake, table.name, events, table.time)


def rows_of(lake: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a table."""
    return list(DeltaTable(str(lake / name)).to_pyarrow_table().to_pylist())


def run(
    main: Callable[..., int], *arguments: str, lake: Path, environ: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    """A command's exit code and its JSON."""
    out = io.StringIO()
    place = ("--lake", str(lake), "--checkpoints", str(lake.parent / "checkpoints"), "--json")
    with contextlib.redirect_stdout(out):
        code = exit_code_of("moodstream", main, [*arguments, *place], environ or {})
    return code, json.loads(out.getvalue().splitlines()[-1]) if out.getvalue() else None

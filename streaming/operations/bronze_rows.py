"""Rows that operations append to bronze/events: replays and archives. The hops process them as any other row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError
from pyspark.sql.pandas.types import to_arrow_schema

from streaming.errors import OperationFailed
from streaming.tables import bronze_events

SCHEMA = to_arrow_schema(bronze_events.SCHEMA)

Row = Mapping[str, Any]


def append(bronze: DeltaTable, rows: list[dict[str, Any]], claim: Transaction) -> None:
    """Append rows to bronze in one commit that claims the transaction.

    Raises OperationFailed if another process has claimed it.
    """
    try:
        write_deltalake(
            bronze,
            pa.Table.from_pylist(rows, SCHEMA),
            mode="append",
            commit_properties=CommitProperties(app_transactions=[claim]),
        )
    except CommitFailedError as error:
        raise OperationFailed("another process is appending the same rows; check its result, then try again") from error


def bronze_row(data: bytes, stream: str, partition_key: str | None, sequence_number: str, now: datetime) -> Row:
    """A row of bronze/events with `now` as its time of arrival."""
    return {
        "data": data,
        "stream": stream,
        "partition_key": partition_key,
        "sequence_number": sequence_number,
        "arrival_time": now,
        "ingested_at": now,
        "year": now.year,
        "month": now.month,
        "day": now.day,
    }

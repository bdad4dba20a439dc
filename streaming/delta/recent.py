"""The newest rows of gold tables, read without Spark and without touching older partitions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from deltalake.exceptions import TableNotFoundError

from streaming.delta.tables import open_table, read
from streaming.settings import Settings
from streaming.tables.keyed_table import KeyedTable


def recent(settings: Settings, table: KeyedTable, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Rows whose time lies in [since, until] (aware); none where there is no table yet."""
    days = [since.date() + timedelta(days=day) for day in range((until.date() - since.date()).days + 1)]
    partitions = " OR ".join(f"(year = {day.year} AND month = {day.month} AND day = {day.day})" for day in days)
    span = f"{table.time} >= '{since.isoformat()}' AND {table.time} <= '{until.isoformat()}'"
    try:
        rows: list[dict[str, Any]] = read(
            open_table(settings, table.name), None, f"({partitions}) AND {span}"
        ).to_pylist()
    except TableNotFoundError:
        return []
    return rows

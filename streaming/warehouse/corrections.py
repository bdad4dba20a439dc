"""What operations change in the warehouse: facts and users directly, aggregates by serving gold's changes.

Every statement may be repeated. Each function is one transaction, in either dialect.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
from deltalake.exceptions import TableNotFoundError

from streaming.delta.tables import open_table
from streaming.errors import SinkUnavailable
from streaming.settings import Settings
from streaming.warehouse import statements
from streaming.warehouse.base import Warehouse
from streaming.warehouse.connect import open_warehouse
from streaming.warehouse.postgres import CONNECT_SECONDS, as_csv
from streaming.warehouse.redshift.warehouse import RedshiftWarehouse
from streaming.warehouse.serving import GOLD, Server

POLL_S = 0.5
LABELS = ("event_id", "sentiment", "polarity", "confidence", "language", "unscored_reason", "model_version")
RETRACTED = ("event_id", "arrival_time")


def check(settings: Settings) -> None:
    """Raise SinkUnavailable unless the warehouse answers: better before anything is changed than halfway."""
    try:
        open_warehouse(settings).migrate()
    except SinkUnavailable as error:
        raise SinkUnavailable(f"{error}; start it (moodstream demo), or leave it out with --no-warehouse") from error


def erase(settings: Settings, user: str, before: datetime) -> None:
    """Delete a person's facts and profile versions that arrived until `before`."""
    _execute(settings, "operations/erase.sql", _theirs(user, before))


def rows_of(settings: Settings, user: str, before: datetime) -> int:
    """How many facts and profile versions that arrived until `before` name a person."""
    parameters = _theirs(user, before)
    dialect = _dialect(settings)
    [statement] = statements.statements(dialect, "operations/left.sql")
    if dialect == "redshift":
        [(count,)] = _data_api(settings).rows(statement, parameters)
        return int(count)
    with _cursor(settings) as cursor:
        row = cursor.execute(statement.encode(), parameters).fetchone()
    return int(row[0]) if row else 0


def relabel(settings: Settings, entity: str, labels: pa.Table) -> None:
    """Give facts other labels; `labels` has LABELS, one row per event."""
    _change_facts(settings, "relabel", entity, labels.select(LABELS))


def retract(settings: Settings, entity: str, events: pa.Table, number: int) -> None:
    """Delete facts; `events` has RETRACTED, one row per event.

    The ledger gets a row under the batch id `number`, with the times since when the facts were to go.
    """
    _change_facts(settings, "retract", entity, events.select(RETRACTED), {"batch_id": number})


def _change_facts(
    settings: Settings, change: str, entity: str, rows: pa.Table, values: Mapping[str, int] | None = None
) -> None:
    """Run a script that copies rows into a temporary table and changes facts by it, in one transaction."""
    warehouse = open_warehouse(settings)
    if isinstance(warehouse, RedshiftWarehouse):
        warehouse.change_facts(change, entity, rows, values)
        return
    with _cursor(settings) as cursor:
        for statement in statements.fact_script("postgres", change, entity):
            if statement.startswith("copy "):
                with cursor.copy(statement.encode()) as copy:
                    copy.write(as_csv(rows))
            else:
                cursor.execute(statement.encode(), values if "%(" in statement else None)


def serve(settings: Settings, patience: float) -> None:
    """See to it that the warehouse's aggregates are gold's: wait for the running hop, else do its work.

    Only where it does not run: of two that serve, the slower could put back older values.
    """
    warehouse = open_warehouse(settings)
    end = time.monotonic() + patience
    while _unserved(settings, warehouse):
        if time.monotonic() >= end:
            Server(settings, warehouse)()
            break
        time.sleep(POLL_S)
    warehouse.close()


def _unserved(settings: Settings, warehouse: Warehouse) -> bool:
    for gold in GOLD:
        try:
            table = open_table(settings, gold.name)
        except TableNotFoundError:
            continue
        query = f"serve/{gold.name.removeprefix('gold/')}/{table.metadata().id}"
        served = warehouse.last_batch(query)
        if served is None or served < table.version():
            return True
    return False


def _execute(settings: Settings, name: str, parameters: Mapping[str, Any]) -> None:
    dialect = _dialect(settings)
    script = statements.statements(dialect, name)
    if dialect == "redshift":
        _data_api(settings).run(script, parameters)
        return
    with _cursor(settings) as cursor:
        for statement in script:
            cursor.execute(statement.encode(), parameters)


@contextmanager
def _cursor(settings: Settings) -> Iterator[psycopg.Cursor]:
    url = settings.warehouse or ""
    try:
        with (
            psycopg.connect(url, password=settings.warehouse_password, connect_timeout=CONNECT_SECONDS) as connection,
            connection.cursor() as cursor,
        ):
            yield cursor
    except psycopg.OperationalError as error:
        raise SinkUnavailable(f"warehouse at {url}: {str(error).strip()}") from error


def _data_api(settings: Settings) -> Any:
    import boto3

    from streaming.warehouse.redshift.data_api import DataApi
    from streaming.warehouse.redshift.warehouse import database

    make: Any = boto3.client
    client = make("redshift-data", region_name=settings.region, endpoint_url=settings.aws_endpoint)
    return DataApi(client, database(settings.warehouse or ""))


def _dialect(settings: Settings) -> str:
    return "redshift" if urlsplit(settings.warehouse or "").scheme == "redshift" else "postgres"


def _theirs(user: str, before: datetime) -> dict[str, str]:
    # Redshift's times have no zone: they are UTC.
    return {"user": _text(user), "before": before.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")}


def _text(value: str) -> str:
    # As the load does: NUL is the one character that the warehouse's text cannot hold.
    return value.replace("\0", "")

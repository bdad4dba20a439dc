"""Compares the warehouse with the lake: facts by event id, aggregates by key and value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa

from harness.audit import quarantine
from harness.audit.gold import (
    CHECKS,
    SUMS,
    TOLERANCE,
    Check,
)
from harness.audit.lake import number

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

AT_ONCE = 20_000
FACTS = {
    "fact_post": "posts",
    "fact_comment": "comments",
    "fact_interaction": "interactions",
    "dim_user": "user_changes",
}
FACT = pa.schema([("target", pa.string()), ("event_id", pa.string()), ("arrival_us", pa.int64()),
                  ("committed_us", pa.int64())])  # fmt: skip


def load_facts(connection: DuckDBPyConnection, warehouse: psycopg.Connection) -> None:
    """Make table `facts`: each fact's id, its arrival time, and when its load was committed."""
    connection.register("empty", FACT.empty_table())
    connection.execute("create or replace table facts as select * from empty")
    for target in FACTS:
        query = (
            f"select '{target}', fact.event_id, (extract(epoch from fact.arrival_time) * 1e6)::bigint,"
            " (extract(epoch from load_ledger.committed_at) * 1e6)::bigint"
            f" from dw.{target} fact left join dw.load_ledger using (query, batch_id)"
        )
        for rows in _batches(warehouse, query):
            _append(connection, "facts", FACT, rows)


def facts(connection: DuckDBPyConnection) -> dict[str, Any]:
    """Compare facts by event id, without NUL characters: the warehouse's text cannot hold them."""
    silver = " union all ".join(
        f"select '{target}' as target, replace(event_id, chr(0), '') as event_id from {table}"
        for target, table in FACTS.items()
    )
    wanted = f"select distinct target, event_id from ({silver})"
    refused = "select event_id from waiting where hop = 'load'"
    return {
        "rows": number(connection, "select count(*) from facts"),
        "lost": number(
            connection,
            f"select count(*) from ({wanted}) anti join facts using (target, event_id)"
            f" where event_id not in ({refused})",
        ),
        "duplicated": number(connection, "select count(*) - count(distinct (target, event_id)) from facts"),
        "unexpected": number(connection, f"select count(*) from facts anti join ({wanted}) using (target, event_id)"),
    }


def gold_difference(connection: DuckDBPyConnection, warehouse: psycopg.Connection, present: Sequence[str]) -> int:
    """Count rows of the aggregates that are missing, superfluous or different from gold (views named in `present`)."""
    return sum(_differing(connection, warehouse, check) for check in CHECKS if check.table in present)


def _differing(connection: DuckDBPyConnection, warehouse: psycopg.Connection, check: Check) -> int:
    time, *others = check.key
    strings = [(name, pa.string()) for name in others]
    schema = pa.schema([(time, pa.int64()), *strings, *[(value, pa.float64()) for value in check.values]])
    connection.register("empty", schema.empty_table())
    connection.execute("create or replace table served as select * from empty")
    columns = ", ".join([*others, *[f"{value}::float8" for value in check.values]])
    query = f"select (extract(epoch from {time}) * 1e6)::bigint, {columns} from dw.{check.table}"
    for rows in _batches(warehouse, query):
        _append(connection, "served", schema, rows)
    bare = ", ".join(f"replace({name}, chr(0), '') as {name}" for name in others)
    kept = ", ".join([f"epoch_us({time}) as {time}", *filter(None, [bare]), *check.values])
    other = " or ".join(_differs(value) for value in check.values)
    sql = (
        f"select count(*) from (select {kept} from {check.table}) gold full outer join served"
        f" using ({', '.join(check.key)}) where ({other}) and {_not_refused(connection, check)}"
    )
    return number(connection, sql)


def _not_refused(connection: DuckDBPyConnection, check: Check) -> str:
    """SQL: the key is not one that the warehouse refused; makes table `refused` of those keys."""
    time, *others = check.key
    rows = [
        {time: round(datetime.fromisoformat(key[time]).timestamp() * 1e6), **{name: key[name] for name in others}}
        for key in quarantine.keys(connection, check.table)
    ]
    schema = pa.schema([(time, pa.int64()), *((name, pa.string()) for name in others)])
    connection.register("keys_refused", pa.Table.from_pylist(rows, schema))
    connection.execute("create or replace table refused as select * from keys_refused")
    return f"({', '.join(check.key)}) not in (select ({', '.join(check.key)}) from refused)"


def _differs(value: str) -> str:
    tolerance = f"{TOLERANCE} * (1 + abs(gold.{value}))" if value in SUMS else "0"
    return f"coalesce(abs(gold.{value} - served.{value}) > {tolerance}, true)"


def _batches(warehouse: psycopg.Connection, query: str) -> Iterator[list[tuple[Any, ...]]]:
    with warehouse.transaction(), warehouse.cursor(name="audit") as cursor:
        cursor.execute(query.encode())
        while rows := cursor.fetchmany(AT_ONCE):
            yield rows


def _append(connection: DuckDBPyConnection, name: str, schema: pa.Schema, rows: list[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    connection.register("part", pa.table(columns, schema=schema))
    connection.execute(f"insert into {name} select * from part")
    connection.unregister("part")

"""The seconds from an event's arrival in the stream to the commit that made it visible, by layer.

Silver: the Delta commit that added the row's file. Warehouse: the commit of the load that brought the row. Gold: the
batches' own lags in gold/freshness, weighted by their events; p50 is over the batches' medians, p95 and p99 over their
95th percentiles.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from deploy.local.workdir import Workdir
from harness.audit.lake import number

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WARM_UP_S = 20.0

SILVER = (
    "select silver.arrival_us, (commits.committed_us - silver.arrival_us) / 1e6 as lag from silver"
    " join silver_commits commits on commits.filename = silver.filename"
)
WAREHOUSE = "select arrival_us, (committed_us - arrival_us) / 1e6 as lag from facts where committed_us is not null"
BATCHES = "select epoch_us(first_arrival) as arrival_us, events, lag_p50_s, lag_p95_s from freshness"

JOB_STARTS = "job-starts.jsonl"

Window = tuple[float, float]


def note_job_start(workdir: Workdir, started: float, ready: float) -> None:
    """Record one start of the job, epoch seconds: latencies leave out the time in which the JVM is cold."""
    with (workdir.run / JOB_STARTS).open("a") as file:
        file.write(json.dumps([started, ready]) + "\n")


def job_starts(workdir: Workdir) -> list[Window]:
    """Every start of the job, (started, ready) in epoch seconds."""
    path = workdir.run / JOB_STARTS
    if not path.exists():
        return []
    # A line without an end was cut off by a crash.
    lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [(float(started), float(ready)) for started, ready in map(json.loads, lines)]


def warm_ups(starts: Sequence[Window]) -> list[Window]:
    """The windows, epoch seconds, that latencies leave out; `starts` are (started, ready) of each start of the job."""
    return [(started, ready + WARM_UP_S) for started, ready in starts]


def latencies(
    connection: DuckDBPyConnection, starts: Sequence[Window], since: float, *, gold: bool, warehouse: bool
) -> dict[str, Any]:
    """p50, p95 and p99 in seconds by layer, of events that arrived after `since` (epoch seconds).

    Events that arrived while the JVM was cold are left out, unless there are no others. `warm_up_s`: the seconds after
    each start that are left out; 0 if none are.
    """
    windows = warm_ups(starts)
    schema = pa.schema([("from_us", pa.int64()), ("to_us", pa.int64())])
    rows = [{"from_us": int(begin * 1e6), "to_us": int(end * 1e6)} for begin, end in windows]
    connection.register("windows", pa.Table.from_pylist(rows, schema=schema))
    connection.execute("create or replace table warm_ups as select * from windows")
    silver, loaded, batches = (_since(sql, since) for sql in (SILVER, WAREHOUSE, BATCHES))
    warm = number(connection, f"select count(*) from ({_warm(silver)})") > 0
    narrowed = _warm if warm else str
    return {
        "silver": percentiles(connection, narrowed(silver)),
        "gold": _gold(connection, narrowed(batches)) if gold else None,
        "warehouse": percentiles(connection, narrowed(loaded)) if warehouse else None,
        "warm_up_s": WARM_UP_S if warm and windows else 0.0,
    }


def _since(sql: str, since: float) -> str:
    return f"select * from ({sql}) whenever where arrival_us >= {int(since * 1e6)}"


def _warm(sql: str) -> str:
    return (
        f"select * from ({sql}) late where not exists"
        " (select 1 from warm_ups where late.arrival_us between from_us and to_us)"
    )


def percentiles(connection: DuckDBPyConnection, sql: str) -> dict[str, float] | None:
    """p50, p95 and p99 of the column `lag` of a query; None without rows."""
    found = connection.execute(f"select quantile_cont(lag, [0.5, 0.95, 0.99]) from ({sql})").fetchall()[0][0]
    if found is None:
        return None
    return dict(zip(("p50", "p95", "p99"), (round(value, 3) for value in found), strict=True))


def _gold(connection: DuckDBPyConnection, sql: str) -> dict[str, float] | None:
    """`sql` yields (arrival, events, median, 95th percentile) of each batch."""
    rows = connection.execute(sql).fetchall()
    if not rows:
        return None
    medians = [(row[2], row[1]) for row in rows]
    tails = [(row[3], row[1]) for row in rows]
    return {"p50": weighted(medians, 0.5), "p95": weighted(tails, 0.95), "p99": weighted(tails, 0.99)}


def weighted(values: list[tuple[float, int]], share: float) -> float:
    """The smallest value that at least `share` of the weight does not exceed."""
    left = share * sum(weight for _, weight in values)
    for value, weight in sorted(values):
        left -= weight
        if left <= 0:
            return round(value, 3)
    return round(max(values)[0], 3)

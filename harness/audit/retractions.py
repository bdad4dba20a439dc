"""Which events deletions and edits have taken out, by bronze's bytes alone, and whether every layer knows it.

A deletion is final: every event of the item that it names goes, whichever came first. Of a text with several versions
the one with the latest event time stays, of those with the same time the last one in the stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from harness.audit.lake import number
from harness.audit.latency import percentiles, weighted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KINDS = "('post', 'comment', 'interaction')"
# Sequence numbers are decimal numbers: the longer is the greater. Of copies of an event silver keeps the first.
FIRST = "length(sequence_number), sequence_number, record_index"
LAST = "length(sequence_number) desc, sequence_number desc, record_index desc"
VERSIONS = (
    f"select event_id, row_number() over (partition by entity, item_id order by event_us desc, {LAST}) as place"
    " from (select * from expected where reason is null and entity in ('post', 'comment')"
    f" qualify row_number() over (partition by event_id order by {FIRST}) = 1)"
)
LEFT = "select count(*) from silver where event_id in (select event_id from gone)"
LOADS = (
    "select (extract(epoch from committed_at - first_arrival))::float8, rows from dw.load_ledger"
    " where query like 'retract/%' and rows > 0"
)


def prepare(connection: DuckDBPyConnection) -> None:
    """Make table `gone`: the ids of the events that silver must not hold any more. `forgotten` gets them, too."""
    connection.execute(
        "create or replace table gone as select distinct event_id from expected"
        f" where reason is null and entity in {KINDS} and (item_kind, item_id) in"
        " (select (item_kind, item_id) from expected where reason is null and entity = 'deletion')"
        f" union select event_id from ({VERSIONS}) where place > 1"
    )
    connection.execute("insert into forgotten select event_id from gone")


def report(connection: DuckDBPyConnection, warehouse: psycopg.Connection, *, noted: bool) -> dict[str, Any]:
    """Count deletions and the events that are gone.

    Faults: `left`, rows of silver that should be gone; `unnoted`, deletions that the ledger silver/retracted lacks.
    `latency_s`: seconds from the later arrival of an item and its deletion until silver and gold, and until the
    warehouse, had lost it (there by loads, from the first of each). `noted`: there is a ledger (view `retracted`).
    """
    deletions = f"select distinct event_id from deletions where target_type in {KINDS}"
    unnoted = f"{deletions} except select event_id from retracted" if noted else deletions
    outcomes = "select outcome, count(*) from retracted group by all order by all"
    lags = "select (epoch_us(retracted_at) - epoch_us(arrival_time)) / 1e6 as lag from retracted where rows > 0"
    loads = warehouse.execute(LOADS).fetchall()
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {
        "deletions": number(connection, f"select count(*) from ({deletions})"),
        "gone": number(connection, "select count(*) from gone"),
        "outcomes": dict(connection.execute(outcomes).fetchall()) if noted else {},
        "left": number(connection, LEFT),
        "unnoted": number(connection, f"select count(*) from ({unnoted})"),
        "latency_s": {
            "silver": percentiles(connection, lags) if noted else None,
            "warehouse": {name: weighted(loads, share) for name, share in shares.items()} if loads else None,
        },
    }

"""Takes the rows of silver/quarantined out of what the layers behind must hold: they are neither lost nor doubled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from harness.audit.lake import number

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SCHEMA = pa.schema([(name, pa.string()) for name in ("hop", "table_name", "key", "event_id", "sequence_number")])


def prepare(connection: DuckDBPyConnection, *, there: bool) -> None:
    """Make table `waiting` of the quarantined rows, and forget what refine left out. `there`: whether there is a table.

    Copies of an event that was left out are forgotten with it: the job recognises their id and drops them.
    """
    connection.register("empty", SCHEMA.append(pa.field("record_index", pa.int32())).empty_table())
    connection.execute("create or replace table waiting as select * from empty")
    if there:
        columns = ", ".join((*SCHEMA.names, "record_index"))
        connection.execute(f"insert into waiting select {columns} from quarantined")
    same = (
        "hop = 'refine' and waiting.sequence_number = expected.sequence_number"
        " and coalesce(waiting.record_index = expected.record_index, true)"
        " and coalesce(waiting.event_id = expected.event_id, true)"
    )
    left_out = f"exists (select 1 from waiting where {same})"
    connection.execute(
        "insert into forgotten select event_id from expected"
        f" where event_id is not null and reason is null and {left_out}"
    )
    connection.execute(f"delete from expected where reason is not null and {left_out}")


def counts(connection: DuckDBPyConnection) -> dict[str, Any]:
    """Count the quarantined rows, in all and by hop."""
    by_hop = connection.execute("select hop, count(*) from waiting group by all order by all").fetchall()
    return {"rows": number(connection, "select count(*) from waiting"), "by_hop": dict(by_hop)}


def keys(connection: DuckDBPyConnection, table: str) -> list[dict[str, Any]]:
    """The keys of the rows of a gold table that the warehouse refused."""
    query = "select key from waiting where hop = 'serve' and table_name = ?"
    return [json.loads(key) for (key,) in connection.execute(query, [f"gold/{table}"]).fetchall()]

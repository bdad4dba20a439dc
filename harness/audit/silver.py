"""Compares silver with what bronze's bytes must become: each event once in its table, or rejected with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.audit.lake import number

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ENTITIES = {
    "posts": "post",
    "comments": "comment",
    "interactions": "interaction",
    "user_changes": "user",
    "deletions": "deletion",
}
TABLES = tuple(ENTITIES)
USER_FIELDS = ("user_id", "user_name", "user_age", "user_location")


def prepare(connection: DuckDBPyConnection) -> None:
    """Make view `silver` (all accepted events) and table `wanted` (all event ids that must be there).

    An id that several records carry must be there once, from any of them.
    """
    parts = " union all ".join(
        f"select event_id, '{ENTITIES[table]}' as entity, sequence_number, record_index,"
        f" epoch_us(arrival_time) as arrival_us, filename from {table}"
        for table in TABLES
    )
    connection.execute(f"create or replace view silver as {parts}")
    connection.execute(
        "create or replace table wanted as"
        " select distinct event_id from (select event_id from expected where reason is null"
        " union all select event_id from promised) where event_id not in (select event_id from forgotten)"
    )


def accepted(connection: DuckDBPyConnection) -> dict[str, Any]:
    """Compare by event id. `unexpected`: rows that no event of bronze explains, with a wrong id, position or table."""
    return {
        "rows": number(connection, "select count(*) from silver"),
        "lost": number(connection, "select count(*) from wanted anti join silver using (event_id)"),
        "duplicated": number(connection, "select count(*) - count(distinct event_id) from silver"),
        "unexpected": number(
            connection,
            "select count(*) from silver anti join (select * from expected where reason is null)"
            " using (event_id, entity, sequence_number, record_index)",
        ),
        "by_table": {table: number(connection, f"select count(*) from {table}") for table in TABLES},
    }


def duplicates_dropped(connection: DuckDBPyConnection) -> int:
    """Count the events of bronze whose id came before."""
    return number(connection, "select count(*) - count(distinct event_id) from expected where reason is null")


def rejected(connection: DuckDBPyConnection) -> dict[str, Any]:
    """Compare rejected events by position and reason: `missing` should be there, `unexpected` should not."""
    key = "sequence_number, record_index, reason"
    wanted = f"select {key}, count(*) as n from expected where reason is not null group by all"
    found = f"select {key}, count(*) as n from rejected group by all"
    missing, unexpected = (
        number(
            connection,
            f"select sum(greatest(one.n - coalesce(other.n, 0), 0)) from ({one}) one"
            f" left join ({other}) other using ({key})",
        )
        for one, other in ((wanted, found), (found, wanted))
    )
    reasons = connection.execute("select reason, count(*) from rejected group by all order by all").fetchall()
    rows = number(connection, "select count(*) from rejected")
    return {"rows": rows, "by_reason": dict(reasons), "missing": missing, "unexpected": unexpected}


def users_difference(connection: DuckDBPyConnection) -> int:
    """Count the users whose row in silver/users is not their latest change, is missing or is doubled."""
    fields = ", ".join((*USER_FIELDS, "event_id"))
    # Sequence numbers are decimal numbers of any length: the longer is the greater.
    latest = (
        f"select {fields} from user_changes qualify row_number() over (partition by user_id order by"
        " event_time desc, length(ltrim(sequence_number, '0')) desc, ltrim(sequence_number, '0') desc,"
        " record_index desc) = 1"
    )
    present = f"select {fields} from users"
    differing = f"(({latest}) except all ({present})) union all (({present}) except all ({latest}))"
    return number(connection, f"select count(distinct user_id) from ({differing})")

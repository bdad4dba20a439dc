"""Compares the layers of one stream: with what the records must become, and with each other.

Most of it is what `moodstream audit` compares. Added are the values of fields, which the audit leaves out: those of
silver against the JSON of the records, and those of the facts in both warehouses against silver.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from deltalake import DeltaTable

from generator.events import reference_validator
from generator.events.kpl import disaggregate
from harness.audit import gold, lake, quarantine, sent, silver, warehouse
from harness.audit.command import GOLD
from harness.chaos.hostile.warehouses import Pair
from streaming.delta.tables import plain

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SCORE = ("sentiment", "polarity", "confidence", "model_version")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "posts": ("post_id", "user_id", "text", "lang"),
    "comments": ("comment_id", "post_id", "user_id", "text", "lang"),
    "interactions": ("interaction_id", "user1_id", "user2_id", "action", "post_id"),
    "user_changes": ("user_id", "user_name", "user_age", "user_location"),
    "deletions": ("target_type", "target_id"),
}
FACTS: Mapping[str, tuple[str, ...]] = {
    "fact_post": ("post_id", "user_id", "text", *SCORE),
    "fact_comment": ("comment_id", "post_id", "user_id", "text", *SCORE),
    "fact_interaction": FIELDS["interactions"],
    "dim_user": FIELDS["user_changes"],
}
CURRENT = """
select user_id, event_id
from dw.dim_user
where is_current and valid_to = '9999-12-31' and (valid_from = '1900-01-01' or valid_from = changed_at)
"""
# What version 1 takes for an extra field: it is used where it is sound.
LATER = ("lang", "source")

Rows = list[dict[str, Any]]


def differences(root: Path, scratch: Path, pair: Pair) -> dict[str, Any]:
    """What differs between the layers of a lake at `root` and its warehouses: empty if nothing does."""
    connection = lake.connect(scratch)
    names = {"bronze": "bronze/events", "rejected": "silver/rejected", "users": "silver/users"}
    names |= {name: f"silver/{name}" for name in silver.TABLES} | {name: f"gold/{name}" for name in GOLD}
    present = [name for name, table in names.items() if lake.view(connection, name, root / table)]
    try:
        report = _reconciled(connection, scratch, present)
        for dialect, rows in (("postgres", pair.postgres_rows), ("redshift", pair.redshift_rows)):
            report |= _warehouse(connection, dialect, rows, present)
    finally:
        connection.close()
    report["silver.fields"] = list(_wrong_fields(root))
    for dialect, rows in (("postgres", pair.postgres_rows), ("redshift", pair.redshift_rows)):
        report[f"{dialect}.fields"] = list(_wrong_facts(root, rows))
        report[f"{dialect}.current"] = _wrong_profiles(root, rows)
    return {name: found for name, found in report.items() if found}


def _reconciled(connection: DuckDBPyConnection, scratch: Path, present: list[str]) -> dict[str, Any]:
    """Silver against what the reference validator makes of bronze, and gold against silver."""
    sent.load_ledger(connection, scratch, lambda _what, _count: None)
    sent.expect(connection, lambda _what, _count: None)
    quarantine.prepare(connection, there=False)  # a batch that fails fails the search
    silver.prepare(connection)
    gold.prepare(connection)
    accepted, rejected = silver.accepted(connection), silver.rejected(connection)
    counted = gold.difference(connection, present)
    return {
        **{f"silver.{name}": accepted[name] for name in ("lost", "duplicated", "unexpected")},
        **{f"rejected.{name}": rejected[name] for name in ("missing", "unexpected")},
        "silver.users_difference": silver.users_difference(connection),
        "gold": counted["difference"] and counted["by_table"],
    }


def _warehouse(
    connection: DuckDBPyConnection, dialect: str, rows: psycopg.Connection, present: list[str]
) -> dict[str, Any]:
    warehouse.load_facts(connection, rows)
    found = warehouse.facts(connection)
    differing = warehouse.gold_difference(connection, rows, present)
    return {f"{dialect}.{name}": found[name] for name in ("lost", "duplicated", "unexpected")} | {
        f"{dialect}.gold": differing
    }


def _wrong_fields(root: Path) -> Iterator[str]:
    """The fields of silver that are not those of the record's JSON."""
    events = dict(_events(rows_of(root / "bronze/events")))
    for table, names in FIELDS.items():
        for row in rows_of(root / "silver" / table):
            event = events[row["sequence_number"], row["record_index"]]
            wanted = {name: event["payload"].get(name) for name in names}
            wanted |= {"source": event.get("source"), "event_id": event["event_id"], "event_time": _time(event)}
            for name, value in wanted.items():
                unused = name in LATER and row["schema_version"] == 1 and row[name] is None
                if row[name] != value and not unused:
                    yield f"{table} {row['event_id']!r} {name}: {row[name]!r:.200}, expected {value!r:.200}"
            if reference_validator.parse(row["raw"].encode()) != event:
                yield f"{table} {row['event_id']!r} raw: {row['raw'][:200]}"


def _events(bronze: Rows) -> Iterator[tuple[tuple[str, int], Any]]:
    """Each JSON value of the records, by position; nothing where a part is not JSON."""
    for record in bronze:
        index = 0
        for part in disaggregate(record["data"]) or [record["data"]]:
            try:
                value = reference_validator.parse(part)
            except Exception:  # not JSON: one rejected event
                value = None
            for event in value if isinstance(value, list) and value else [value]:
                yield (record["sequence_number"], index), event
                index += 1


def _time(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(event["event_time"].upper()).astimezone(UTC)


def _wrong_facts(root: Path, rows: psycopg.Connection) -> Iterator[str]:
    """The columns of facts that are not silver's."""
    for target, names in FACTS.items():
        time = "changed_at" if target == "dim_user" else "event_time"
        columns = ", ".join((*names, f"(extract(epoch from {time}) * 1e6)::bigint"))
        query = f"select event_id, {columns} from dw.{target}"  # noqa: S608 - names from the code
        found = {row[0]: row[1:] for row in rows.execute(query.encode())}
        for row in rows_of(root / "silver" / warehouse.FACTS[target]):
            wanted = (*(_stored(row[name]) for name in names), _microseconds(row["event_time"]))
            if found.get(row["event_id"], wanted) != wanted:  # a fact that is missing is counted elsewhere
                yield f"{target} {row['event_id']!r}: {found[row['event_id']]!r:.300}, expected {wanted!r:.300}"


def _wrong_profiles(root: Path, rows: psycopg.Connection) -> list[Any]:
    """The users whose current version in the warehouse is not their row of silver/users."""
    found = sorted(rows.execute(CURRENT.encode()).fetchall())
    wanted = sorted((row["user_id"], row["event_id"]) for row in rows_of(root / "silver/users"))
    return [] if found == wanted else [each for each in (*found, *wanted) if (each in found) != (each in wanted)]


def _stored(value: Any) -> Any:
    # NUL is the one character that no warehouse holds; texts lose it.
    return value.replace("\0", "") if isinstance(value, str) else value


def _microseconds(time: datetime) -> int:
    return round(time.timestamp() * 1_000_000)


def rows_of(table: Path) -> Rows:
    """The rows of a Delta table."""
    found: Rows = plain(DeltaTable(str(table)).to_pyarrow_table()).to_pylist()
    return found


def readable(found: Mapping[str, Any]) -> str:
    """The differences, one a line."""
    return "\n".join(
        f"{name}: {json.dumps(value, default=str, ensure_ascii=False)[:1_000]}" for name, value in found.items()
    )

"""Removes a person's rows from bronze and silver, layer by layer; each function may be repeated after a crash.

Bronze: their records are deleted; in an array with other people's events, a mark replaces each of theirs, so that the
others keep their index. Silver: their posts, comments and profile are deleted, and interactions with or by
them. Other people's comments on their posts stay: they are other people's words.

All layers are cut at the same moment: rows that arrived after `before` stay in each. Otherwise the layers would differ
by the rows that arrived in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from streaming.corrections import erased_events, journal, keyed_tables
from streaming.corrections.deletions import deletion, of_erased_events
from streaming.corrections.journal import Change
from streaming.delta.tables import open_table, plain
from streaming.events.records import Person, split_events
from streaming.settings import Settings
from streaming.tables import (
    bronze_events,
    silver_comments,
    silver_deletions,
    silver_former_versions,
    silver_interactions,
    silver_labels,
    silver_posts,
    silver_rejected,
    silver_rescored,
    silver_user_changes,
    silver_users,
)
from streaming.tables.columns import PARTITIONS

# Texts before profile changes: the cohorts of texts are found in the profile changes.
ACCEPTED: Mapping[str, tuple[str, ...]] = {
    silver_posts.NAME: ("user_id",),
    silver_comments.NAME: ("user_id",),
    silver_interactions.NAME: ("user1_id", "user2_id"),
    silver_user_changes.NAME: ("user_id",),
}
PLACE = ("sequence_number", "record_index")
# `target_type` of a deletion that asks for an erasure.
USER = "user"
GONE_KEY = "erased"
RECORD = {"data": "source.new_data", "partition_key": "source.new_key"}


@dataclass
class Removed:
    """What was removed: counts by layer."""

    bronze: dict[str, int] = field(default_factory=lambda: {"records_deleted": 0, "records_rewritten": 0})
    silver: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, rows: int) -> None:
        """Add rows of the silver table `name`."""
        own = name.removeprefix("silver/")
        self.silver[own] = self.silver.get(own, 0) + rows


@dataclass(frozen=True)
class Erasure:
    """The person to erase, the last moment of arrival, and the name that the commits carry.

    `remember` is called with texts of the person before the rows that hold them change.
    """

    person: Person
    before: datetime
    name: str
    remember: Callable[[Iterable[str]], None]

    @property
    def arrived(self) -> str:
        """The condition on the time of arrival, as SQL."""
        return f"arrival_time <= '{self.before.isoformat()}'"


def bronze(settings: Settings, erasure: Erasure, removed: Removed) -> None:
    """Remove the person's events from bronze/events, and append their positions to bronze/erased."""

    def choose(table: DeltaTable) -> Change | None:
        hits = [hit for row in _records(table, erasure) if (hit := _hit(row, erasure.person)) is not None]
        erasure.remember(text for hit in hits for text in _texts(hit))
        places = [place for hit in hits for place in _erased_rows(hit, erasure.name)]
        if places:
            erased_events.remember(settings, places)
        source = _source([{name: hit[name] for name in SOURCE.names} for hit in hits], SOURCE)
        if not hits:
            return None
        return Change(source, None, source, ("sequence_number", "data"), RECORD, "source.gone", again=True)

    change = journal.apply(settings, erasure.name, bronze_events.NAME, choose)
    if change is not None:
        gone = sum(change.source["gone"].to_pylist())
        removed.bronze["records_deleted"] += gone
        removed.bronze["records_rewritten"] += change.source.num_rows - gone


def silver(settings: Settings, erasure: Erasure, removed: Removed) -> None:
    """Remove the person from the silver tables that hops read, and from gold."""
    for name, columns in ACCEPTED.items():
        change = journal.apply(settings, erasure.name, name, _theirs(columns, erasure))
        if change is not None:
            removed.count(name, change.old.num_rows)
    change = journal.apply(settings, erasure.name, silver_deletions.NAME, _requests(erasure))
    if change is not None:
        removed.count(silver_deletions.NAME, change.old.num_rows)
    change = journal.apply(settings, erasure.name, silver_rejected.NAME, _rejected(erasure))
    if change is not None:
        removed.count(silver_rejected.NAME, change.old.num_rows)
        removed.count("rejected_rewritten", change.source.num_rows - change.old.num_rows)


def derived(settings: Settings, erasure: Erasure, removed: Removed) -> None:
    """Remove the person from silver/users, labels and rescored, once no hop can write them there any more."""
    for name, choose in (
        (silver_users.NAME, _theirs(("user_id",), erasure, ("user_id",))),
        (silver_labels.NAME, _theirs(("user_id",), erasure, ("event_id",))),
        (silver_former_versions.NAME, _theirs(("user_id",), erasure, ("event_id",))),
        (silver_rescored.NAME, of_erased_events(settings)),
    ):
        try:
            change = journal.apply(settings, erasure.name, name, choose)
        except TableNotFoundError:
            continue
        if change is not None:
            removed.count(name, change.old.num_rows)
    _restore_profile(settings, erasure.person.user)


def _restore_profile(settings: Settings, user: str) -> None:
    """Set the profile to the newest change that stays: an erased one may have been the newest by event time."""
    scan = open_table(settings, silver_user_changes.NAME).scan(columns=silver_users.TABLE.schema.names)
    kept = [row for batch in scan for row in _of(plain(pa.table(batch)), user).to_pylist()]
    if not kept:
        return
    newest = max(kept, key=silver_users.recency)
    with suppress(TableNotFoundError):  # the hop that fills silver/users has never run; it will begin with these events
        keyed_tables.upsert(settings, silver_users.TABLE, pa.Table.from_pylist([newest], silver_users.TABLE.schema))


def _of(rows: pa.Table, user: str) -> pa.Table:
    return rows.filter(_any_equal(rows, ("user_id",), user)) if rows.num_rows else rows


SOURCE = pa.schema(
    [
        *((name, pa.int32()) for name in PARTITIONS),
        *(("sequence_number", pa.string()), ("data", pa.binary()), ("new_data", pa.binary())),
        *(("new_key", pa.string()), ("gone", pa.bool_())),
    ]
)


def _records(table: DeltaTable, erasure: Erasure) -> Iterator[dict[str, Any]]:
    """The records that may hold the person's events."""
    columns = ["data", "stream", "partition_key", "sequence_number", *PARTITIONS]
    person = erasure.person
    for batch in table.scan(columns=columns, predicate=erasure.arrived):
        rows = plain(pa.table(batch))
        suspect = pc.or_(
            pc.match_substring(rows["data"], person.user.encode()),
            pc.or_(pc.match_substring(rows["data"], b"\\u"), pc.equal(rows["partition_key"], person.user)),
        )
        yield from rows.filter(suspect).to_pylist()


def _hit(row: dict[str, Any], person: Person) -> dict[str, Any] | None:
    """The record with its new content; None if it holds nothing of the person."""
    indices = person.concerned(row["data"], row["partition_key"])
    own = row["partition_key"] == person.user
    if not indices and not own:
        return None
    rest = person.removed_from(row["data"], row["partition_key"]) if indices else row["data"]
    key = GONE_KEY if own else row["partition_key"]
    return {**row, "indices": indices, "new_data": rest, "new_key": key, "gone": rest is None}


def _erased_rows(hit: Mapping[str, Any], erasure: str) -> Iterator[dict[str, Any]]:
    parts, now = split_events(hit["data"]), datetime.now(UTC)
    for index in hit["indices"]:
        yield {
            "erasure": erasure,
            "stream": hit["stream"],
            "sequence_number": hit["sequence_number"],
            "record_index": index,
            "event_id": _event_id(parts[index]),
            "erased_at": now,
        }


def _texts(hit: Mapping[str, Any]) -> Iterator[str]:
    """The texts in the person's events of a record."""
    parts = split_events(hit["data"])
    for index in hit["indices"]:
        with suppress(orjson.JSONDecodeError, KeyError, TypeError, IndexError):
            text = orjson.loads(parts[index])["payload"]["text"]
            if isinstance(text, str):
                yield text


def _event_id(element: bytes) -> str | None:
    try:
        found = orjson.loads(element)["event_id"]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return None
    return found if isinstance(found, str) else None


def _theirs(columns: tuple[str, ...], erasure: Erasure, key: tuple[str, ...] = ("event_id", *PLACE)) -> journal.Choose:
    """Chooses the rows in which any of the columns names the person, to delete them."""

    def choose(table: DeltaTable) -> Change | None:
        change = deletion(table, key, lambda rows: _any_equal(rows, columns, erasure.person.user), erasure.arrived)
        if change is not None and "text" in change.old.column_names:
            erasure.remember(text for text in change.old["text"].to_pylist() if text)
        return change

    return choose


def _requests(erasure: Erasure) -> journal.Choose:
    """Chooses the deletions of the stream that name the person."""

    def choose(table: DeltaTable) -> Change | None:
        def wanted(rows: pa.Table) -> Any:
            return pc.and_(
                _any_equal(rows, ("target_type",), USER), _any_equal(rows, ("target_id",), erasure.person.user)
            )

        return deletion(table, ("event_id", *PLACE), wanted, erasure.arrived)

    return choose


def requested(settings: Settings) -> list[str]:
    """The users whom deletions of the stream name and who are not erased yet."""
    users: set[str] = set()
    for batch in open_table(settings, silver_deletions.NAME).scan(columns=["target_type", "target_id"]):
        rows = plain(pa.table(batch))
        users.update(rows.filter(pc.equal(rows["target_type"], USER))["target_id"].to_pylist())
    return sorted(users)


def _any_equal(rows: pa.Table, columns: tuple[str, ...], user: str) -> Any:
    hits = [pc.fill_null(pc.equal(rows[name], user), False) for name in columns]
    return hits[0] if len(hits) == 1 else pc.or_(*hits)


REJECTED_KEY = ("stream", *PLACE, "data")


def _rejected(erasure: Erasure) -> journal.Choose:
    """Deletes rejected events of the person; from those of others it removes the person's part of the whole record."""

    def choose(table: DeltaTable) -> Change | None:
        old, source = [], []
        for batch in table.scan(predicate=erasure.arrived):
            for row in plain(pa.table(batch)).to_pylist():
                hit = _hit(row, erasure.person)
                if hit is None:
                    continue
                if silver_rejected.holds_whole_record(row):
                    hit["gone"] = row["record_index"] in hit["indices"]
                source.append({name: hit[name] for name in REJECTED_SOURCE.names})
                old += [row] if hit["gone"] else []
        schema = pa.schema(table.schema())
        return Change(
            pa.Table.from_pylist(old, plain_schema(schema)),
            None,
            _source(source, REJECTED_SOURCE),
            REJECTED_KEY,
            RECORD,
            "source.gone",
        )

    return choose


REJECTED_SOURCE = pa.schema([*SOURCE, ("stream", pa.string()), ("record_index", pa.int32())])


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema with plain strings and bytes."""
    return plain(schema.empty_table()).schema


def _source(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """The rows without duplicates: a MERGE refuses two source rows for one target row."""
    keys = [name for name in schema.names if name not in ("new_data", "new_key", "gone")]
    return pa.Table.from_pylist(list({tuple(row[name] for name in keys): row for row in rows}.values()), schema)

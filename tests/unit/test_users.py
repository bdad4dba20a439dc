"""silver/users follows silver/user_changes, in any order of arrival, and rests between MERGEs; authors know more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql.pandas.types import to_arrow_schema

from streaming import commit_points
from streaming.checkpoints import positions
from streaming.corrections import readers
from streaming.delta.follower import Bounds
from streaming.delta.merge import keyed_merge
from streaming.delta.tables import open_table, read
from streaming.files import Files
from streaming.settings import Settings
from streaming.sinks.authors import Authors
from streaming.sinks.users import LONGEST_REST_S, Users
from streaming.tables import silver_user_changes, silver_users
from streaming.tables.columns import PARTITIONS
from tests.builders import NOON
from tests.gold_rows import Row, a_silver_row, expected, random_batches

NAME = silver_user_changes.NAME
SCHEMA = to_arrow_schema(silver_user_changes.SCHEMA)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(lake=str(tmp_path / "lake"), checkpoints=str(tmp_path / "checkpoints"), stream="events")


@pytest.fixture(autouse=True)
def unobserved() -> Iterator[None]:
    yield
    commit_points.observe(None)


def arrive(settings: Settings, *rows: Row) -> None:
    Path(settings.table(NAME)).mkdir(parents=True, exist_ok=True)
    changes = pa.Table.from_pylist(list(rows), SCHEMA)
    write_deltalake(settings.table(NAME), changes, mode="append", partition_by=list(PARTITIONS))


def a_profile(number: int, user: str = "u1", **overrides: Any) -> Row:
    return a_silver_row("user", number, user_id=user, **overrides)


def users(settings: Settings, **options: Any) -> Users:
    return Users(settings, partial(keyed_merge, settings), **options)


def rows_of(settings: Settings) -> dict[str, Row]:
    rows = read(open_table(settings, silver_users.NAME)).to_pylist()
    by_id = {row["user_id"]: row for row in rows}
    assert len(by_id) == len(rows), "a user is there twice"
    return by_id


def unread_from(settings: Settings) -> int:
    return readers.positions(settings, open_table(settings, NAME))["upsert"]


def test_the_newest_profile_of_each_user_stays_in_whatever_order_the_changes_arrive(settings: Settings) -> None:
    batches = random_batches(count=6, size=60)
    sink = users(settings)
    for batch in batches:
        arrive(settings, *batch[NAME])
        if batch is not batches[2]:  # one MERGE takes what two versions brought
            sink.merge()
            users(settings).merge()
    wanted = {user: row for (user,), row in expected(batches)["silver/users"].items()}
    assert rows_of(settings) == {user: {name: row[name] for name in SCHEMA.names} for user, row in wanted.items()}


def test_nothing_is_merged_before_there_is_a_table_or_something_new(settings: Settings) -> None:
    sink = users(settings)
    assert sink() == {"numInputRows": 0}
    arrive(settings, a_profile(1))
    assert sink.merge() == 1
    version = open_table(settings, silver_users.NAME).version()
    assert sink.merge() == 0
    assert open_table(settings, silver_users.NAME).version() == version


def test_what_a_process_merged_before_it_died_is_not_merged_again(settings: Settings) -> None:
    arrive(settings, a_profile(1), a_profile(2, "u2"))
    commit_points.observe(dies)
    with pytest.raises(RuntimeError, match=r"upsert\.merged"):
        users(settings).merge()
    commit_points.observe(None)
    assert unread_from(settings) == 0
    assert users(settings).merge() == 0
    assert rows_of(settings).keys() == {"u1", "u2"}
    assert unread_from(settings) == 1


def dies(point: str) -> None:
    raise RuntimeError(f"killed at {point}")


def test_the_rest_is_nine_times_what_a_merge_took_and_a_minute_at_most(settings: Settings) -> None:
    now = [0.0]
    lasting = [1.0]

    class Slow:
        """A table whose MERGE lasts."""

        last_batch = -1

        def apply(self, rows: pa.Table, batch: int) -> bool:
            now[0] += lasting[0]
            return True

    sink = Users(settings, lambda table, query: Slow(), clock=lambda: now[0])  # type: ignore[arg-type, return-value]
    for number, lasts in enumerate((1.0, 20.0)):
        lasting[0] = lasts
        arrive(settings, a_profile(number))
        assert sink() == {"numInputRows": 1}
        arrive(settings, a_profile(10 + number))
        now[0] += min(9 * lasts, LONGEST_REST_S) - 0.1
        assert sink() == {"numInputRows": 0}
        now[0] += 0.2
        assert sink() == {"numInputRows": 1}
        now[0] += LONGEST_REST_S


def test_the_table_of_an_earlier_release_gets_every_profile_from_a_snapshot_part_by_part(settings: Settings) -> None:
    """Its commits do not say how far it holds the changes; a process that dies between two parts goes on there."""
    for number in range(4):
        arrive(settings, a_profile(number, f"u{number}"))
    old = keyed_merge(settings, silver_users.TABLE, "aggregate's query")
    earlier = a_profile(0, "u0", event_time=NOON - timedelta(days=1))
    old.apply(silver_users.latest(pa.Table.from_pylist([earlier], SCHEMA)), 7)
    bounds = Bounds(rows=1)
    first = users(settings, bounds=bounds)
    assert [first.merge(), first.merge()] == [1, 1]
    second = users(settings, bounds=bounds)
    assert sum(second.merge() for _ in range(4)) == 2
    assert rows_of(settings).keys() == {"u0", "u1", "u2", "u3"}
    assert unread_from(settings) == open_table(settings, NAME).version() + 1


def test_files_that_were_removed_before_they_were_merged_are_read_from_the_newest_snapshot(settings: Settings) -> None:
    arrive(settings, a_profile(1))
    sink = users(settings)
    sink.merge()
    arrive(settings, a_profile(2, "u2"))
    arrive(settings, a_profile(3, "u3"))
    table = open_table(settings, NAME)
    table.optimize.compact()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert [sink.merge(), sink.merge()] == [0, 3]
    assert rows_of(settings).keys() == {"u1", "u2", "u3"}


def test_an_erasure_waits_until_the_changes_are_merged(settings: Settings) -> None:
    arrive(settings, a_profile(1))
    sink = users(settings)
    sink.merge()
    arrive(settings, a_profile(2, "u2"))
    version = open_table(settings, NAME).version()
    assert readers.behind(settings, NAME, version + 1) == ["upsert"]
    sink.merge()
    assert readers.behind(settings, NAME, version + 1) == []
    assert positions.read(Files(settings), settings.checkpoints, "upsert").pending == 0


def known(settings: Settings) -> Callable[..., Any]:
    return Authors(settings).cohorts


def test_an_author_is_known_by_a_change_that_silver_users_lacks(settings: Settings) -> None:
    authors = Authors(settings)
    assert authors.cohorts(["u1"]) == {"u1": ("unknown", "unknown")}
    arrive(settings, a_profile(1, user_location="Rome", user_age=20))
    assert authors.cohorts(["u1"]) == known(settings)(["u1"]) == {"u1": ("Rome", "18-24")}
    users(settings).merge()
    arrive(settings, a_profile(2, user_location="Oslo", user_age=20))
    assert authors.cohorts(["u1", "u2"]) == {"u1": ("Oslo", "18-24"), "u2": ("unknown", "unknown")}
    assert known(settings)(["u1"]) == {"u1": ("Oslo", "18-24")}


def test_a_change_that_arrives_late_does_not_move_an_author(settings: Settings) -> None:
    arrive(settings, a_profile(1, user_location="Rome", user_age=20))
    users(settings).merge()
    authors = Authors(settings)
    authors.cohorts(["u1"])
    arrive(settings, a_profile(2, user_location="Oslo", event_time=NOON - timedelta(days=1)))
    assert authors.cohorts(["u1"]) == {"u1": ("Rome", "18-24")}


def test_what_silver_users_holds_is_not_kept_beside_it(settings: Settings) -> None:
    authors = Authors(settings)
    arrive(settings, *(a_profile(number, f"u{number}") for number in range(50)))
    authors.cohorts(["u1"])
    assert len(authors._newer) == 50
    users(settings).merge()
    arrive(settings, a_profile(60, "u60"))
    authors.cohorts(["u60", "u2"])
    assert authors._newer.keys() == {"u60"}

"""The history of users: versions that follow one another without gaps, whatever order their events come in."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from tests.integration.conftest import Database
from tests.warehouse_rows import NOON, a_load, a_post, a_profile, minutes

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)
HISTORY = (
    "select user_location, valid_from, valid_to, is_current from dw.dim_user order by user_id, valid_from, valid_to"
)


def loaded(database: Database, *batches: list[dict[str, Any]]) -> None:
    warehouse = database.warehouse()
    for number, profiles in enumerate(batches):
        warehouse.commit([a_load(profiles=profiles, batch=number)])


def test_the_first_version_reaches_back_and_the_last_one_on(database: Database) -> None:
    loaded(database, [a_profile(user_location="Oslo")])
    assert database.rows(HISTORY) == [("Oslo", BEGINNING, END, True)]


@pytest.mark.parametrize("order", list(permutations([0, 1, 2])))
def test_versions_meet_whatever_order_their_events_come_in(database: Database, order: tuple[int, ...]) -> None:
    profiles = [a_profile(user_location=f"place {n}", event_time=minutes(n)) for n in range(3)]
    loaded(database, *[[profiles[n]] for n in order])
    assert database.rows(HISTORY) == [
        ("place 0", BEGINNING, minutes(1), False),
        ("place 1", minutes(1), minutes(2), False),
        ("place 2", minutes(2), END, True),
    ]


def test_the_later_place_in_the_stream_decides_between_equal_times(database: Database) -> None:
    nine, ten = (a_profile(user_location=number, sequence_number=number) for number in ("9", "10"))
    loaded(database, [ten], [nine])
    assert database.rows("select user_location from dw.dim_user_current") == ["10"]
    assert database.rows(HISTORY) == [("9", BEGINNING, NOON, False), ("10", NOON, END, True)]


def test_users_do_not_touch_one_another(database: Database) -> None:
    loaded(
        database, [a_profile(user_id="ann"), a_profile(user_id="bob")], [a_profile(user_id="bob", user_location="Bonn")]
    )
    assert database.rows("select user_id, user_location from dw.dim_user_current order by 1") == [
        ("ann", "Oslo"),
        ("bob", "Bonn"),
    ]


def test_a_replayed_change_makes_no_version(database: Database) -> None:
    profile = a_profile()
    loaded(database, [profile], [profile])
    assert len(database.rows(HISTORY)) == 1


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (17, "under 18"),
        (18, "18-24"),
        (25, "25-34"),
        (44, "35-44"),
        (54, "45-54"),
        (55, "55-64"),
        (65, "65+"),
        (None, "unknown"),
    ],
)
def test_ages_fall_into_bands(database: Database, age: int | None, band: str) -> None:
    loaded(database, [a_profile(user_age=age)])
    assert database.rows("select age_band from dw.dim_user") == [band]


def test_a_fact_joins_the_version_of_its_time(database: Database) -> None:
    loaded(
        database,
        [a_profile(user_location="Oslo", event_time=NOON), a_profile(user_location="Bonn", event_time=minutes(10))],
    )
    posts = [a_post(event_time=minutes(n), post_id=f"at {n}") for n in (-5, 9, 10)]
    database.warehouse().commit([a_load(posts, batch=9)])
    joined = """
    select fact_post.post_id, dim_user.user_location
    from dw.fact_post join dw.dim_user
        on fact_post.user_id = dim_user.user_id
        and fact_post.event_time >= dim_user.valid_from and fact_post.event_time < dim_user.valid_to
    order by fact_post.event_time
    """
    assert database.rows(joined) == [("at -5", "Oslo"), ("at 9", "Oslo"), ("at 10", "Bonn")]

"""One row that the warehouse refuses: it goes to quarantine, and the other rows of its load arrive."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.audit import lake, quarantine, sent, warehouse
from streaming import commit_points
from streaming.errors import RowsRefused, SinkUnavailable, TooManyRefused
from streaming.quarantine.bisect import MAX_REFUSED
from streaming.settings import Settings
from streaming.warehouse.facts import Loader
from streaming.warehouse.serving import Server
from tests.integration.conftest import Database
from tests.integration.test_warehouse_load import appended
from tests.integration.test_warehouse_load import settings as settings
from tests.integration.test_warehouse_serve import merged
from tests.lake_rows import rows_of
from tests.warehouse_rows import NOON, a_comment, a_post, minutes

REFUSE = "alter table dw.{} add constraint refuses check ({})"
POSTS = "select count(*), count(*) filter (where text = 'bad') from dw.fact_post"
LEDGER = "select sum(rows), count(*) from dw.load_ledger where rows > 0"


def a_thousand(settings: Settings, bad: int = 1) -> None:
    """Posts in one version of silver, `bad` of which the warehouse will refuse."""
    appended(settings, "silver/posts", *(a_post(text="fine") for _ in range(1000 - bad)))
    appended(settings, "silver/posts", *(a_post(text="bad", event_id=f"bad-{n}", user_id="u7") for n in range(bad)))


def failures_until_done(step: Callable[[], Any], at_most: int = 5) -> int:
    """Start the hop again after each failure, as the supervisor does; returns how often it failed."""
    for failures in range(at_most):
        try:
            step()
        except RowsRefused:
            continue
        return failures
    raise AssertionError(f"still failing after {at_most} starts")


def quarantined(settings: Settings) -> list[dict[str, Any]]:
    return rows_of(Path(settings.lake), "silver/quarantined")


def test_a_fact_that_fails_its_load_three_times_is_left_out_and_the_others_arrive(
    settings: Settings, database: Database
) -> None:
    database.run(REFUSE.format("fact_post", "text <> 'bad'"))
    a_thousand(settings)
    appended(settings, "silver/comments", a_comment())
    assert failures_until_done(lambda: Loader(settings, database.warehouse())()) == 2
    assert database.rows(POSTS) == [(999, 0)]
    assert database.rows("select count(*) from dw.fact_comment") == [1]
    assert database.rows(LEDGER) == [(1000, 2)]
    (row,) = quarantined(settings)
    assert (row["hop"], row["table_name"], row["key"], row["user_id"]) == ("load", "silver/posts", "bad-0", "u7")
    assert (row["error_class"], json.loads(row["data"])["text"]) == ("RowsRefused", "bad")
    assert "23514" in row["error"]
    appended(settings, "silver/posts", a_post(text="bad"))
    with pytest.raises(RowsRefused):  # the next batch begins with no failure to its account
        Loader(settings, database.warehouse())()


def test_a_kill_between_quarantine_and_load_doubles_and_loses_nothing(settings: Settings, database: Database) -> None:
    def die(point: str) -> None:
        if point == "load.quarantined":
            raise SinkUnavailable("killed")

    database.run(REFUSE.format("fact_post", "text <> 'bad'"))
    a_thousand(settings)
    commit_points.observe(die)
    try:
        with pytest.raises(SinkUnavailable):
            failures_until_done(lambda: Loader(settings, database.warehouse())())
    finally:
        commit_points.observe(None)
    assert (len(quarantined(settings)), database.rows(POSTS)) == (1, [(0, 0)])
    appended(settings, "silver/posts", a_post(text="more"))
    failures_until_done(lambda: Loader(settings, database.warehouse())())
    assert (len(quarantined(settings)), database.rows(POSTS)) == (1, [(1000, 0)])


def test_so_many_refused_rows_stop_the_hop_instead(settings: Settings, database: Database) -> None:
    database.run(REFUSE.format("fact_post", "text <> 'bad'"))
    a_thousand(settings, bad=MAX_REFUSED + 1)
    for expected in (RowsRefused, RowsRefused, TooManyRefused):
        with pytest.raises(expected):
            Loader(settings, database.warehouse())()
    assert database.rows(POSTS) == [(0, 0)]
    assert not Path(settings.table("silver/quarantined")).exists()


def test_an_outage_is_no_reason_to_leave_a_row_out(settings: Settings, database: Database) -> None:
    a_thousand(settings)
    nowhere = replace(settings, warehouse="postgresql://nobody@127.0.0.1:1/none")
    from streaming.warehouse.postgres import PostgresWarehouse

    with pytest.raises(SinkUnavailable):
        Loader(nowhere, PostgresWarehouse(nowhere.warehouse or ""))()
    assert not Path(f"{settings.checkpoint('load')}-failures.json").exists()


def test_a_gold_row_that_fails_its_load_is_left_out_and_the_others_are_served(
    settings: Settings, database: Database
) -> None:
    database.run(REFUSE.format("engagement_by_minute", "interactions < 100"))
    merged(settings, (NOON, "like", 1), (NOON, "share", 100), (minutes(1), "like", 2))
    assert failures_until_done(lambda: Server(settings, database.warehouse())()) == 2
    assert database.rows("select minute, action from dw.engagement_by_minute order by 1, 2") == [
        (NOON, "like"),
        (minutes(1), "like"),
    ]
    (row,) = quarantined(settings)
    assert (row["hop"], row["table_name"]) == ("serve", "gold/engagement_by_minute")
    assert json.loads(row["key"]) == {"minute": str(NOON), "action": "share"}
    merged(settings, (minutes(2), "like", 3))
    assert failures_until_done(lambda: Server(settings, database.warehouse())()) == 0


def test_the_audit_misses_no_row_that_is_in_quarantine(settings: Settings, database: Database, tmp_path: Path) -> None:
    database.run(REFUSE.format("engagement_by_minute", "interactions < 100"))
    database.run(REFUSE.format("fact_post", "text <> 'bad'"))
    merged(settings, (NOON, "like", 1), (NOON, "share", 100))
    a_thousand(settings)
    failures_until_done(Loader(settings, database.warehouse()))
    failures_until_done(Server(settings, database.warehouse()))
    audit = lake.connect(tmp_path)
    silver = {name: f"silver/{name}" for name in warehouse.FACTS.values()}
    for name, table in {**silver, "engagement_by_minute": "gold/engagement_by_minute"}.items():
        lake.view(audit, name, Path(settings.table(table)))
    lake.view(audit, "quarantined", Path(settings.table("silver/quarantined")))
    sent.load_ledger(audit, tmp_path / "no ledger", lambda *_: None)
    audit.execute("create table bronze (sequence_number varchar, data blob, arrival_time timestamptz)")
    sent.expect(audit, lambda *_: None)
    with database.connect() as server:
        for there, missing in ((True, 0), (False, 1)):
            quarantine.prepare(audit, there=there)
            warehouse.load_facts(audit, server)
            assert warehouse.facts(audit)["lost"] == missing
            assert warehouse.gold_difference(audit, server, ["engagement_by_minute"]) == missing
    audit.close()

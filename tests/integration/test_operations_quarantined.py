"""Rows in quarantine: listed, brought back once after a fix, and erased with their person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from moodstream import exit_code_of
from streaming.operations.erase import command as erase
from streaming.operations.quarantined import command as quarantined
from streaming.quarantine.table import Quarantine
from streaming.tables.parsed_events import parsed_batches
from streaming.tables.silver_quarantined import REPLAY_STREAM
from streaming.warehouse.facts import Loader
from streaming.warehouse.serving import Server
from tests.builders import NOON, a_record
from tests.integration.conftest import Database
from tests.integration.test_quarantine_warehouse import POSTS, REFUSE, a_thousand, failures_until_done
from tests.integration.test_warehouse_load import settings as settings
from tests.integration.test_warehouse_serve import merged
from tests.kills import killed_before
from tests.lake_rows import refined, rows_of, run, settings_of
from tests.warehouse_rows import NOON as GOLD_NOON
from tests.warehouse_rows import minutes


def an_event_left_out(lake: Path, event_id: str, table: str = "silver/posts", **fields: Any) -> None:
    """An event in quarantine, as refine puts it there."""
    row = {
        "table_name": table,
        "key": f"place-of-{event_id}",
        "event_id": event_id if table == "silver/posts" else None,
        "data": a_record(event_id=event_id, payload={"user_id": "u7"}),
        "error_class": "ValueError",
        "error": "no",
        "arrival_time": NOON,
        "partition_key": "u7",
    }
    Quarantine(settings_of(lake), "refine").add([row | fields], "query", 3)


def replayed(lake: Path) -> list[tuple[str, str]]:
    rows = [row for row in rows_of(lake, "bronze/events") if row["sequence_number"].startswith("quarantined/")]
    return sorted((row["stream"], json.loads(row["data"])["event_id"]) for row in rows)


def test_list_groups_by_hop_and_a_lake_without_quarantine_has_none(empty_lake: Path) -> None:
    assert run(quarantined.main, "list", lake=empty_lake) == (0, {"rows": 0, "by_hop": {}})
    an_event_left_out(empty_lake, "a")
    code, report = run(quarantined.main, "list", lake=empty_lake)
    assert (code, report["rows"], report["by_hop"]["refine"]["by_error_class"]) == (0, 1, {"ValueError": 1})
    (example,) = report["by_hop"]["refine"]["examples"]
    assert (example["key"], example["batch"], example["data"][:16]) == ("place-of-a", 3, '{"event_id": "a"')


def test_events_go_through_bronze_again_once(empty_lake: Path) -> None:
    refined(empty_lake, a_record(event_id="there"))
    for event in ("a", "there"):
        an_event_left_out(empty_lake, event)
    an_event_left_out(empty_lake, "unread", table="bronze/events")
    assert run(quarantined.main, "replay", "--dry-run", lake=empty_lake)[1]["sent"] == 3
    assert replayed(empty_lake) == []
    code, report = run(quarantined.main, "replay", lake=empty_lake)
    assert (code, report["sent"], report["sent_before"]) == (0, 2, 1)
    assert replayed(empty_lake) == [(REPLAY_STREAM, "a"), ("replay", "unread")]
    assert rows_of(empty_lake, "silver/quarantined") == []
    assert run(quarantined.main, "replay", lake=empty_lake)[1]["sent"] == 0


def test_the_duplicate_filter_lets_a_replayed_event_pass_and_stops_its_copies(empty_lake: Path) -> None:
    an_event_left_out(empty_lake, "a")
    run(quarantined.main, "replay", lake=empty_lake)
    import pyarrow as pa

    from tests.lake_rows import BRONZE

    bronze = pa.Table.from_pylist(rows_of(empty_lake, "bronze/events"), BRONZE)
    (row,) = [row for batch in parsed_batches(bronze.to_batches()) for row in batch.to_pylist()]
    assert (row["entity"], row["event_id"]) == ("post", "a")
    assert row["duplicate_key"] == f"{REPLAY_STREAM}:quarantined/place-of-a/0"


@pytest.mark.parametrize("fatal", range(6))
def test_a_replay_that_is_killed_is_completed_by_the_next_and_doubles_nothing(empty_lake: Path, fatal: int) -> None:
    an_event_left_out(empty_lake, "a")
    an_event_left_out(empty_lake, "b")
    with killed_before(fatal):
        run(quarantined.main, "replay", lake=empty_lake)
    run(quarantined.main, "replay", lake=empty_lake)
    assert [event for _, event in replayed(empty_lake)] == ["a", "b"]
    assert rows_of(empty_lake, "silver/quarantined") == []


def warehouse_run(settings: Any, database: Database, *arguments: str) -> tuple[int, Any]:
    environ = {"MOODSTREAM_WAREHOUSE_PASSWORD": database.password}
    return run(quarantined.main, *arguments, "--warehouse", database.url, lake=Path(settings.lake), environ=environ)


def test_a_fact_is_loaded_after_the_fix_and_stays_until_then(settings: Any, database: Database) -> None:
    database.run(REFUSE.format("fact_post", "text <> 'bad'"))
    a_thousand(settings)
    failures_until_done(lambda: Loader(settings, database.warehouse())())
    code, report = warehouse_run(settings, database, "replay")
    assert (code, report["still_refused"], database.rows(POSTS)) == (1, 1, [(999, 0)])
    database.run("alter table dw.fact_post drop constraint refuses")
    code, report = warehouse_run(settings, database, "replay")
    assert (code, report["sent"], database.rows(POSTS)) == (0, 1, [(1000, 1)])
    assert warehouse_run(settings, database, "list")[1]["rows"] == 0


def test_a_fact_whose_replay_is_killed_after_the_load_is_there_once(settings: Any, database: Database) -> None:
    database.run(REFUSE.format("fact_post", "text <> 'bad'"))
    a_thousand(settings)
    failures_until_done(lambda: Loader(settings, database.warehouse())())
    database.run("alter table dw.fact_post drop constraint refuses")
    with killed_before(0):
        warehouse_run(settings, database, "replay")
    assert database.rows(POSTS) == [(1000, 1)]
    assert warehouse_run(settings, database, "replay")[1]["sent"] == 1
    assert database.rows(POSTS) == [(1000, 1)]
    assert rows_of(Path(settings.lake), "silver/quarantined") == []


def test_a_gold_row_is_served_after_the_fix_with_its_newest_value(settings: Any, database: Database) -> None:
    database.run(REFUSE.format("engagement_by_minute", "interactions < 100"))
    merged(settings, (GOLD_NOON, "like", 1), (GOLD_NOON, "share", 100))
    serve = Server(settings, database.warehouse())
    failures_until_done(serve)
    database.run("alter table dw.engagement_by_minute drop constraint refuses")
    merged(settings, (minutes(1), "like", 7))
    assert serve() == {"numInputRows": 1}
    assert warehouse_run(settings, database, "replay", "--hop", "serve")[1]["sent"] == 1
    serve()
    served = database.rows("select action, interactions from dw.engagement_by_minute order by interactions")
    assert served == [("like", 1), ("like", 7), ("share", 100)]
    assert rows_of(Path(settings.lake), "silver/quarantined") == []


def test_an_erasure_removes_the_person_s_rows_from_quarantine(empty_lake: Path) -> None:
    an_event_left_out(empty_lake, "a")
    an_event_left_out(
        empty_lake, "other", data=a_record(event_id="other", payload={"user_id": "u8"}), partition_key="u8"
    )
    both = b"[" + a_record(event_id="x", payload={"user_id": "u7"}) + b"," + a_record(event_id="y") + b"]"
    an_event_left_out(empty_lake, "both", table="bronze/events", data=both, partition_key="u1")
    code, receipt = run(erase.main, "--user", "u7", lake=empty_lake)
    assert (code, receipt["removed"]["silver"]["quarantined"]) == (0, 2)
    left = {row["key"]: row["data"] for row in rows_of(empty_lake, "silver/quarantined")}
    assert set(left) == {"place-of-other", "place-of-both"}
    assert [json.loads(left["place-of-both"])[1]["event_id"], b"u7" in left["place-of-both"]] == ["y", False]


def test_wrong_use_is_one_line_and_exit_code_2(empty_lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of("moodstream quarantined", quarantined.main, ["list", "--hop", "x"], {}) == 2
    assert capsys.readouterr().err.count("\n") == 1

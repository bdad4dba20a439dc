"""A person is erased from every layer, and nothing of anybody else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from streaming.corrections import journal, keyed_tables, replaced_files
from streaming.delta.merge import created
from streaming.events.kpl import aggregate
from streaming.events.parse import parse_record
from streaming.files import Files
from streaming.operations.erase import command as erase
from streaming.operations.rescore import open_rescored
from streaming.tables import silver_rescored, silver_users
from tests.builders import NOON, a_record, an_event
from tests.gold_without_spark import assert_same, count_gold, gold_of, gold_of_silver
from tests.integration.conftest import Database
from tests.lake_rows import arrived, refined, rows_of, run, settings_of

ANN, BOB = {"user_id": "ann"}, {"user_id": "bob"}
LAYERS = ("posts", "comments", "user_changes")
ARRAY = [
    an_event("post", ANN, event_id="a1"),
    an_event("comment", BOB, event_id="b1"),
    an_event("post", ANN | {"text": ""}, event_id="a2"),
    an_event("post", BOB | {"text": ""}, event_id="b2"),
]


@pytest.fixture
def lake(empty_lake: Path) -> Path:
    """Ann and Bob in every way: alone, side by side in an array, as either side, in rejected records."""
    refined(
        empty_lake,
        a_record("user", ANN, event_id="profile-a"),
        a_record("user", BOB | {"user_location": "Rome"}, event_id="profile-b"),
        a_record("post", ANN | {"text": "my own words #secret"}, event_id="a3"),
        a_record("post", BOB | {"text": "fine words about ann"}, event_id="b3"),
        json.dumps(ARRAY).encode(),
        aggregate([a_record("post", ANN, event_id="a4"), a_record("post", BOB, event_id="b4"), b"\xff"]),
        a_record("interaction", {"user1_id": "bob", "user2_id": "ann"}, event_id="i1"),
        a_record("interaction", {"user1_id": "bob", "user2_id": "cid"}, event_id="i2"),
        a_record("interaction", {"user1_id": "ann", "user2_id": "bob", "action": "bite"}, event_id="i3"),
        b'{"user_id": "ann", broken',
        a_record("post", {"user_id": "\\u0061nn"}, event_id="a5").replace(b"\\\\", b"\\"),
        a_record("post", {"user_id": "annabel"}, event_id="other"),
    )
    return empty_lake


def ids(lake: Path, name: str) -> set[str]:
    return {row["event_id"] for row in rows_of(lake, f"silver/{name}")}


def test_nothing_of_the_person_is_left_and_everything_of_the_others(lake: Path) -> None:
    code, receipt = run(erase.main, "--user", "ann", lake=lake)
    assert (code, receipt["complete"], receipt["check"]["holding"]) == (0, True, [])
    assert ids(lake, "posts") == {"b3", "b4", "other"}
    assert ids(lake, "comments") == {"b1"}
    assert ids(lake, "interactions") == {"i2"}
    assert ids(lake, "user_changes") == {"profile-b"}
    assert {(row["event_id"], row["reason"]) for row in rows_of(lake, "silver/rejected")} == {
        ("b2", "empty_text"),
        (None, "not_utf8"),
    }
    assert receipt["removed"]["silver"] == {
        "posts": 4,
        "interactions": 1,
        "user_changes": 1,
        "rejected": 3,
        "rejected_rewritten": 1,
    }
    assert receipt["removed"]["bronze"] == {"records_deleted": 6, "records_rewritten": 2}
    assert not any(b'"ann"' in path.read_bytes() for path in lake.rglob("*.parquet"))


def test_the_others_keep_their_places_in_a_record(lake: Path) -> None:
    run(erase.main, "--user", "ann", lake=lake)
    bronze = {row["sequence_number"]: row["data"] for row in rows_of(lake, "bronze/events")}
    for number in (4, 5):
        kept = [(event.record_index, event.event_id) for event in parse_record(bronze[f"{number:030d}"], NOON)]
        assert kept == ([(1, "b1"), (3, "b2")] if number == 4 else [(1, "b4"), (2, None)])


def test_gold_is_what_the_rest_of_silver_counts_for(lake: Path, tmp_path: Path) -> None:
    count_gold(lake)
    run(erase.main, "--user", "ann", lake=lake)
    assert_same(gold_of(lake), gold_of_silver(lake, tmp_path / "scratch"))
    assert not any(topic == "secret" for _, topic, _ in gold_of(lake)["gold/sentiment_by_topic"])


def test_rows_that_gold_has_not_counted_yet_are_counted_to_nothing_later(lake: Path, tmp_path: Path) -> None:
    created_only = tmp_path / "scratch"
    for name, table in keyed_tables.TABLES.items():
        created(table, str(lake / name), {})
    before = gold_of_silver(lake, tmp_path / "before")
    run(erase.main, "--user", "ann", lake=lake)
    # The aggregate hop reads the old files afterwards, and adds what they count for.
    for name, rows in before.items():
        table = keyed_tables.TABLES[name]
        added = DeltaTable(str(tmp_path / "before" / name)).to_pyarrow_table().select(table.schema.names)
        if rows:
            keyed_tables.add_to_gold(settings_of(lake), "late", table, added.cast(table.schema))
    assert_same(gold_of(lake), gold_of_silver(lake, created_only))


@pytest.mark.parametrize(("room", "dies_in"), [(journal, "merge"), (keyed_tables, "add_to_gold"), (journal, "settle")])
def test_an_erasure_that_is_killed_is_completed_by_the_next(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: ModuleType, dies_in: str
) -> None:
    count_gold(lake)
    real, calls = getattr(room, dies_in), []

    def killed(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(room, dies_in, killed)
        with pytest.raises(KeyboardInterrupt):
            run(erase.main, "--user", "ann", lake=lake)
    code, _ = run(erase.main, "--user", "ann", lake=lake)
    assert code == 0
    assert_same(gold_of(lake), gold_of_silver(lake, tmp_path / "scratch"))


def test_the_profile_the_rescored_labels_and_the_training_texts_go_too(lake: Path, tmp_path: Path) -> None:
    users = created(silver_users.TABLE, str(lake / "silver/users"), {})
    rows = DeltaTable(str(lake / "silver/user_changes")).to_pyarrow_table().select(silver_users.TABLE.schema.names)
    write_deltalake(users, rows.cast(silver_users.TABLE.schema), mode="append")
    labels = [{"rescored_with": "2", "event_id": name, "year": 2026, "month": 1, "day": 1} for name in ("a3", "b3")]
    write_deltalake(
        open_rescored(settings_of(lake)), pa.Table.from_pylist(labels, silver_rescored.SCHEMA), mode="append"
    )
    feedback = tmp_path / "feedback.csv"
    feedback.write_text("text,label\nmy own words #secret,positive\nsomething else,neutral\n")
    _, receipt = run(erase.main, "--user", "ann", "--feedback", str(feedback), lake=lake)
    assert [row["user_id"] for row in rows_of(lake, "silver/users")] == ["bob"]
    assert [row["event_id"] for row in rows_of(lake, "silver/rescored")] == ["b3"]
    assert feedback.read_text().splitlines() == ["text,label", "something else,neutral"]
    assert receipt["removed"]["feedback"] == {str(feedback): 1}


def test_files_with_times_as_spark_once_wrote_them_are_checked_too(lake: Path) -> None:
    row = pa.table({"user_id": ["ann"], "arrival_time": pa.array([NOON], pa.timestamp("us", tz="UTC"))})
    pq.write_table(row, lake / "silver/posts/of-a-writer-that-died.parquet", use_deprecated_int96_timestamps=True)
    code, receipt = run(erase.main, "--user", "ann", lake=lake)
    assert (code, receipt["complete"]) == (1, False)
    assert receipt["check"]["holding"] == ["silver/posts/of-a-writer-that-died.parquet"]


def test_what_arrives_after_the_erasure_began_stays_in_every_layer(lake: Path) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    new = {"user": "u9", "post": "p9", "comment": "c9"}
    refined(lake, *(a_record(kind, ANN, event_id=name) for kind, name in new.items()), first_number=100, time=later)
    code, receipt = run(erase.main, "--user", "ann", lake=lake)
    assert (code, receipt["complete"]) == (0, True)
    assert {name: {row["event_id"] for row in rows_of(lake, f"silver/{name}")} for name in LAYERS} == {
        "posts": {"b3", "b4", "other", "p9"},
        "comments": {"b1", "c9"},
        "user_changes": {"profile-b", "u9"},
    }
    kept = {row["sequence_number"] for row in rows_of(lake, "bronze/events")}
    assert {f"{number:030d}" for number in (100, 101, 102)} <= kept
    assert run(erase.main, "--user", "ann", lake=lake)[1]["removed"]["silver"] == {}


def test_a_profile_that_came_later_takes_the_place_of_the_erased_one(lake: Path) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    older = a_record("user", ANN | {"user_location": "Bonn"}, event_id="u9", event_time="2025-12-31T12:00:00Z")
    refined(lake, older, first_number=100, time=later)
    columns = silver_users.TABLE.schema.names
    changed = DeltaTable(str(lake / "silver/user_changes")).to_pyarrow_table().select(columns).to_pylist()
    newest = [row for row in changed if row["event_id"] in ("profile-a", "profile-b")]
    users = created(silver_users.TABLE, str(lake / "silver/users"), {})
    write_deltalake(users, pa.Table.from_pylist(newest, silver_users.TABLE.schema), mode="append")
    run(erase.main, "--user", "ann", lake=lake)
    assert {row["user_id"]: row["event_id"] for row in rows_of(lake, "silver/users")} == {
        "ann": "u9",
        "bob": "profile-b",
    }


def test_files_that_lost_the_race_for_a_commit_are_removed(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, raced = journal.merge, []

    def outrun(table: DeltaTable, *arguments: Any) -> Any:
        if not raced:
            raced.append(True)
            # Another writer changes the same files first.
            DeltaTable(table.table_uri).update({"stream": "'other'"})
        return real(table, *arguments)

    monkeypatch.setattr(journal, "merge", outrun)
    code, receipt = run(erase.main, "--user", "ann", lake=lake)
    assert (code, receipt["complete"]) == (0, True)


def test_the_receipt_is_kept_and_does_not_name_the_person(lake: Path) -> None:
    _, receipt = run(erase.main, "--user", "ann", lake=lake)
    kept = Files(settings_of(lake)).read(receipt["receipt"])
    assert kept is not None
    assert b'"ann"' not in kept
    assert len({row["erasure"] for row in rows_of(lake, "bronze/erased")}) == 1


def test_somebody_unknown_changes_nothing(lake: Path) -> None:
    before = {name: len(rows_of(lake, name)) for name in ("bronze/events", "silver/posts", "silver/rejected")}
    code, receipt = run(erase.main, "--user", "nobody", lake=lake)
    assert (code, receipt["removed"]["silver"]) == (0, {})
    assert before == {name: len(rows_of(lake, name)) for name in before}


def test_a_query_that_has_yet_to_read_the_rows_is_waited_for(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offsets = lake.parent / "checkpoints/refine/offsets"
    commits = lake.parent / "checkpoints/refine/commits"
    for folder in (offsets, commits):
        folder.mkdir(parents=True)
        (folder / "0").write_text("v1\n")
    table = DeltaTable(str(lake / "bronze/events"))
    source = {"sourceVersion": 1, "reservoirId": str(table.metadata().id), "reservoirVersion": 1, "index": -1}
    (offsets / "0").write_text("v1\n{}\n" + json.dumps(source) + "\n")
    assert run(erase.main, "--user", "ann", "--wait", "0", lake=lake)[0] == 1
    assert "refine has rows of bronze/events still to read" in capsys.readouterr().err
    (offsets / "0").write_text("v1\n{}\n" + json.dumps({**source, "reservoirVersion": 2}) + "\n")
    assert run(erase.main, "--user", "ann", "--wait", "0", lake=lake)[0] == 0


def test_what_arrives_while_the_erasure_runs_is_erased_by_its_next_pass(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = replaced_files.delete, []

    def late(*arguments: Any) -> int:
        if not calls:
            arrived(lake, a_record("post", ANN, event_id="a9"), first_number=50)
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(replaced_files, "delete", late)
    code, receipt = run(erase.main, "--user", "ann", lake=lake)
    assert (code, receipt["removed"]["bronze"]["records_deleted"]) == (0, 7)


def test_the_warehouse_forgets_the_person(lake: Path, database: Database) -> None:
    for name, user, arrived_at in (
        ("e1", "ann", "now()"),
        ("e2", "ann", "null"),
        ("e3", "ann", "now() + interval '1 hour'"),
        ("e4", "bob", "now()"),
    ):
        database.run(
            "insert into dw.fact_post (event_id, event_time, date_key, time_key, post_id, user_id, text, query,"
            f" batch_id, arrival_time) values ('{name}', now(), 20260101, 0, 'p', '{user}', 'x', 'q', 0, {arrived_at})"
        )
    count_gold(lake)
    environ = {"MOODSTREAM_WAREHOUSE_PASSWORD": database.password}
    code, receipt = run(erase.main, "--user", "ann", "--warehouse", database.url, lake=lake, environ=environ)
    assert (code, receipt["warehouse"]["rows_left"]) == (0, 0)
    assert database.rows("select event_id from dw.fact_post order by 1") == ["e3", "e4"]
    served = database.rows("select sum(events) from dw.sentiment_by_minute")
    assert served == [sum(row["events"] for row in gold_of(lake)["gold/sentiment_by_minute"].values())]


def test_an_unreachable_warehouse_stops_it_before_anything_is_changed(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql://moodstream@127.0.0.1:1/none"
    assert run(erase.main, "--user", "ann", "--warehouse", url, lake=lake)[0] == 2
    assert "--no-warehouse" in capsys.readouterr().err
    assert "a3" in ids(lake, "posts")


def a_request(user: str, **overrides: Any) -> bytes:
    return a_record("deletion", {"target_type": "user", "target_id": user}, schema_version=2, **overrides)


def test_everybody_is_erased_whom_a_deletion_of_the_stream_names(lake: Path) -> None:
    a_post = {"target_type": "post", "target_id": "bob"}
    refined(
        lake,
        a_request("ann", event_id="r1"),
        a_request("cid", event_id="r2"),
        a_record("deletion", a_post, event_id="d1", schema_version=2),
        first_number=100,
    )
    code, report = run(erase.main, "--requested", lake=lake)
    assert (code, report["people"]) == (0, 2)
    assert [each["complete"] for each in report["receipts"]] == [True, True]
    assert ids(lake, "posts") == {"b3", "b4", "other"}
    assert ids(lake, "interactions") == set()
    assert ids(lake, "deletions") == {"d1"}
    assert not any(b'"ann"' in path.read_bytes() for path in lake.rglob("*.parquet"))
    assert run(erase.main, "--requested", lake=lake)[1] == {"people": 0, "receipts": []}

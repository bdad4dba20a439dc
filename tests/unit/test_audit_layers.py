"""The audit finds what is lost, doubled, invented or different, each in the layer where it happened."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from generator.events.reference_validator import as_record
from generator.ledger import Ledger, Put
from harness.audit import (
    gold,
    lake,
    latency,
    report,
    retractions,
    sent,
    silver,
    texts,
)
from harness.audit.lake import number
from harness.demo import screen
from streaming.corrections import journal
from streaming.files import Files
from streaming.settings import Settings
from tests.builders import NOON, a_record

TIME = pa.timestamp("us", tz="UTC")
ARRIVED = NOON + timedelta(seconds=1)
SCORE = {"sentiment": "positive", "polarity": 0.5, "confidence": 0.75, "model_version": "1", "language": "en"}


def nothing(_what: str, _count: int) -> None:
    """Progress that nobody looks at."""


class World:
    """A small consistent lake and ledger as literal tables; tests change one thing and look for it."""

    def __init__(self, folder: Path) -> None:
        self.connection = lake.connect(folder)
        self.folder = folder / "ledger"
        self.records = {
            "s1": a_record("post", {"text": "so #Good today"}, event_id="e1"),
            "s2": a_record("comment", event_id="e2"),
            "s3": a_record("interaction", event_id="e3"),
            "s4": a_record("user", event_id="e4"),
            "s5": a_record("post", {"text": "so #Good today"}, event_id="e1"),  # a duplicate
            "s6": b"[" + a_record("interaction", event_id="e6") + b", null]",
            "s7": b"\xff",
        }
        self.sent = dict(self.records)
        self.posts = [event("e1", "s1", text="so #Good today", **SCORE)]
        self.comments = [event("e2", "s2", text="not for me", **SCORE)]
        self.interactions = [event("e3", "s3", action="like"), event("e6", "s6", action="like")]
        self.user_changes = [event("e4", "s4", **PROFILE)]
        self.users = [event("e4", "s4", **PROFILE)]
        self.rejected = [event(None, "s6", 1, reason="wrong_type"), event(None, "s7", reason="not_utf8")]
        self.deletions: list[dict[str, Any]] = []
        self.minutes = [measures(entity="post"), measures(entity="comment")]

    def report(self) -> dict[str, Any]:
        """What the audit says of bronze, silver, rejected and gold/sentiment_by_minute."""
        with Ledger(self.folder, "run") as ledger:
            numbers = ledger.intend([as_record(data, NOON.timestamp()) for data in self.sent.values()])
            at = ARRIVED.timestamp()
            ledger.acknowledge([Put(n, "shard-0", s, at) for n, s in zip(numbers, self.sent, strict=True)])
        bronze = [{"sequence_number": s, "data": data, "arrival_time": ARRIVED} for s, data in self.records.items()]
        schema = [("sequence_number", pa.string()), ("data", pa.binary()), ("arrival_time", TIME)]
        self._make("bronze", pa.Table.from_pylist(bronze, pa.schema(schema)))
        for name in ("posts", "comments", "interactions", "user_changes", "users", "rejected", "deletions"):
            self._make(name, table(getattr(self, name)))
        self._make("sentiment_by_minute", table(self.minutes))
        sent.load_ledger(self.connection, self.folder, nothing)
        sent.expect(self.connection, nothing)
        retractions.prepare(self.connection)
        silver.prepare(self.connection)
        gold.prepare(self.connection)
        return {
            **sent.totals(self.connection),
            "bronze": sent.bronze(self.connection),
            "silver": silver.accepted(self.connection) | {"users_difference": silver.users_difference(self.connection)},
            "rejected": silver.rejected(self.connection),
            "left": number(self.connection, retractions.LEFT),
            "duplicates_dropped": silver.duplicates_dropped(self.connection),
            "gold": gold.difference(self.connection, ["sentiment_by_minute"])["by_table"]["sentiment_by_minute"],
        }

    def _make(self, name: str, rows: pa.Table) -> None:
        self.connection.register("given", rows)
        self.connection.execute(f"create table {name} as select * from given")
        self.connection.unregister("given")


PROFILE = {"user_id": "u1", "user_name": "Ada", "user_age": 36, "user_location": "London"}
FIELDS = {
    "event_id": pa.string(), "sequence_number": pa.string(), "record_index": pa.int32(), "event_time": TIME,
    "arrival_time": TIME, "text": pa.string(), "sentiment": pa.string(), "polarity": pa.float64(),
    "confidence": pa.float64(), "model_version": pa.string(), "language": pa.string(),
    "action": pa.string(), "reason": pa.string(),
    "user_id": pa.string(), "user_name": pa.string(), "user_age": pa.int32(), "user_location": pa.string(),
    "filename": pa.string(), "minute": TIME, "entity": pa.string(), "events": pa.int64(), "negative": pa.int64(),
    "neutral": pa.int64(), "positive": pa.int64(), "late": pa.int64(), "polarity_sum": pa.float64(),
    "confidence_sum": pa.float64(), "target_type": pa.string(),
}  # fmt: skip


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, pa.schema(list(FIELDS.items())))


def event(event_id: str | None, sequence: str, index: int = 0, **values: Any) -> dict[str, Any]:
    place = {"event_id": event_id, "sequence_number": sequence, "record_index": index}
    return place | {"event_time": NOON, "arrival_time": ARRIVED, "filename": "f"} | values


def measures(**values: Any) -> dict[str, Any]:
    counts = {"events": 1, "negative": 0, "neutral": 0, "positive": 1, "late": 0}
    return {"minute": NOON} | counts | {"polarity_sum": 0.5, "confidence_sum": 0.75} | values


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.connection.close()


def test_a_consistent_world_has_no_fault(world: World) -> None:
    report = world.report()

    assert report["sent"] == 7
    assert report["bronze"] == {
        "rows": 7, "lost": 0, "duplicated": 0, "altered": 0, "unacknowledged": 0, "foreign": 0,
    }  # fmt: skip
    silver_report = {key: report["silver"][key] for key in ("rows", "lost", "duplicated", "unexpected")}
    assert silver_report == {"rows": 5, "lost": 0, "duplicated": 0, "unexpected": 0}
    assert report["silver"]["users_difference"] == 0
    assert report["rejected"] == {
        "rows": 2, "by_reason": {"not_utf8": 1, "wrong_type": 1}, "missing": 0, "unexpected": 0,
    }  # fmt: skip
    assert report["duplicates_dropped"] == 1
    assert report["gold"] == 0


def test_a_text_without_a_sentiment_counts_among_the_languages_and_in_no_table_of_sentiment(world: World) -> None:
    unscored = {"sentiment": None, "polarity": None, "confidence": None, "language": "de"}
    world.comments = [event("e2", "s2", text="nichts für mich", **SCORE | unscored)]
    world.minutes = [measures(entity="post")]

    assert world.report()["gold"] == 0

    counts = world.connection.execute(next(c.expected for c in gold.CHECKS if c.table == "language_by_hour")).fetchall()
    assert sorted(row[1:] for row in counts) == [("de", "comment", 1, 1), ("en", "post", 1, 0)]


def test_an_acknowledged_record_that_bronze_lacks_is_lost_and_so_is_its_event(world: World) -> None:
    del world.records["s2"]

    report = world.report()

    assert report["bronze"]["lost"] == 1
    assert report["silver"]["unexpected"] == 1, "silver holds an event that no record of bronze brought"


def test_a_record_that_bronze_holds_unacknowledged_is_no_fault(world: World) -> None:
    world.records["s8"] = world.records["s2"]  # its generator died between the put and the acknowledgement

    report = world.report()

    assert report["bronze"]["unacknowledged"] == 1
    assert (report["bronze"]["lost"], report["bronze"]["duplicated"]) == (0, 0)
    assert report["duplicates_dropped"] == 2


def test_a_record_that_somebody_else_put_is_counted_as_foreign_and_must_reach_silver(world: World) -> None:
    world.records["s8"] = a_record(event_id="e8")

    report = world.report()

    assert report["bronze"]["foreign"] == 1
    assert report["silver"]["lost"] == 1


def test_a_record_with_other_bytes_is_altered(world: World) -> None:
    world.records["s4"] = world.records["s4"].replace(b"Ada", b"Eve")

    assert world.report()["bronze"]["altered"] == 1


def test_an_event_missing_from_silver_is_lost(world: World) -> None:
    world.interactions.pop()

    assert world.report()["silver"]["lost"] == 1


def test_an_event_that_is_in_silver_twice_is_duplicated(world: World) -> None:
    world.posts.append(event("e1", "s5", text="so #Good today", **SCORE))

    report = world.report()

    assert report["silver"]["duplicated"] == 1
    assert report["gold"] > 0


def test_an_event_in_the_wrong_table_is_unexpected(world: World) -> None:
    world.comments.append(world.posts.pop())

    assert world.report()["silver"]["unexpected"] == 1


def deleted(world: World) -> None:
    world.records["s8"] = a_record("deletion", event_id="e8", schema_version=2)
    world.sent = dict(world.records)
    world.deletions = [event("e8", "s8", target_type="post")]


def test_an_event_whose_item_was_deleted_is_not_lost(world: World) -> None:
    deleted(world)
    world.posts, world.minutes = [], world.minutes[1:]

    report = world.report()

    assert (report["silver"]["lost"], report["silver"]["unexpected"], report["left"]) == (0, 0, 0)
    assert report["gold"] == 0


def test_an_event_whose_item_was_deleted_and_that_silver_still_holds_is_left(world: World) -> None:
    deleted(world)

    assert world.report()["left"] == 1


def test_of_several_versions_of_a_text_the_newest_is_wanted(world: World) -> None:
    world.records["s8"] = a_record("post", event_id="e8", event_time=(NOON - timedelta(minutes=1)).isoformat())
    world.sent = dict(world.records)

    assert (report := world.report())["silver"]["lost"] == 0

    assert report["left"] == 0


def test_a_former_version_that_silver_still_holds_is_left(world: World) -> None:
    world.records["s8"] = a_record("post", event_id="e8", event_time=(NOON + timedelta(minutes=1)).isoformat())
    world.sent = dict(world.records)

    report = world.report()

    assert (report["silver"]["lost"], report["left"]) == (1, 1), "silver lacks the newest and has the former one"


def test_a_rejected_event_with_another_reason_is_missing_and_unexpected(world: World) -> None:
    world.rejected[0]["reason"] = "not_json"

    found = world.report()["rejected"]

    assert (found["missing"], found["unexpected"]) == (1, 1)


def test_a_user_whose_state_is_not_the_latest_is_a_difference(world: World) -> None:
    world.records["s9"] = a_record("user", {"user_age": 37}, event_id="e9")
    world.user_changes.append(event("e9", "s9", **PROFILE | {"user_age": 37}))

    assert world.report()["silver"]["users_difference"] == 1


@pytest.mark.parametrize(
    ("wrong", "difference"),
    [
        ({"events": 3}, 2),
        ({"late": 1}, 1),
        ({"polarity_sum": 0.25}, 0.25),
        ({"polarity_sum": 0.5 + 1e-9}, 0),
        ({"minute": NOON + timedelta(minutes=1)}, 2 * (1 + 1 + 0.5 + 0.75)),
    ],
)
def test_gold_differs_by_the_sum_of_differences(world: World, wrong: dict[str, Any], difference: float) -> None:
    world.minutes[0] |= wrong

    assert world.report()["gold"] == pytest.approx(difference)


def test_hashtags_and_words_are_read_from_any_script() -> None:
    assert texts.topics("#Über1 and #1984 a#b &#39; #über1 #हिन्दी") == ["über1", "हिन्दी"]
    assert texts.terms("The battery died again, see https://x.y/battery @battery Battery! 100km") == ["battery", "died"]


def test_latencies_leave_out_what_arrived_while_the_jvm_was_cold() -> None:
    connection = duckdb.connect()
    at = int(NOON.timestamp() * 1e6)
    arrivals = {"cold": at, "warm": at + 60_000_000}
    lags = {"cold": 15_000_000, "warm": 2_000_000}
    rows = [{"arrival_us": arrivals[name], "filename": name} for name in arrivals]
    commits = [{"filename": name, "committed_us": arrivals[name] + lags[name]} for name in arrivals]
    connection.register("silver", pa.Table.from_pylist(rows))
    connection.register("silver_commits", pa.Table.from_pylist(commits))
    start = NOON.timestamp() - 5

    found = latency.latencies(connection, [(start, start + 10)], 0, gold=False, warehouse=False)
    assert found["silver"] == {"p50": 2.0, "p95": 2.0, "p99": 2.0}
    assert found["warm_up_s"] == 20.0

    found = latency.latencies(connection, [(start, start + 600)], 0, gold=False, warehouse=False)
    assert found["silver"]["p50"] == 8.5, "a run that is all warm-up is told as it was"
    assert found["warm_up_s"] == 0.0


def test_a_files_rows_became_visible_when_its_log_entry_was_published(tmp_path: Path) -> None:
    log = tmp_path / "_delta_log"
    log.mkdir()
    entries = [{"add": {"path": "a.parquet", "dataChange": True}}, {"add": {"path": "b.parquet", "dataChange": False}}]
    (log / "00000000000000000001.json").write_text("\n".join(map(json.dumps, entries)))
    connection = duckdb.connect()

    lake.commits(connection, "commits", tmp_path)

    rows = connection.execute("select * from commits").fetchall()
    assert [path for path, _ in rows] == [str(tmp_path / "a.parquet")], "a compaction brings nothing new"
    assert abs(rows[0][1] / 1e6 - time.time()) < 60


CLEAN: dict[str, Any] = {
    "sent": 10,
    "unsendable": {"records": 0, "first": []},
    "quarantined": {"rows": 0, "by_hop": {}},
    "bronze": {"rows": 10, "lost": 0, "duplicated": 0, "altered": 0},
    "silver": {"rows": 9, "lost": 0, "duplicated": 0, "unexpected": 0, "users_difference": 0},
    "rejected": {"rows": 1, "by_reason": {"not_json": 1}, "missing": 0, "unexpected": 0},
    "duplicates_dropped": 0,
    "gold": {"difference": 0},
    "retractions": {"deletions": 2, "gone": 1, "left": 0, "unnoted": 0},
    "warehouse": {"rows": 9, "lost": 0, "duplicated": 0, "unexpected": 0, "gold_difference": 0},
    "unfinished": [],
    "latency_s": {"silver": {"p50": 1.0, "p95": 2.0, "p99": 3.0}, "gold": None, "warehouse": None, "warm_up_s": 20.0},
}


@pytest.mark.parametrize(
    ("layer", "fault"),
    [
        *[("bronze", name) for name in ("lost", "duplicated", "altered")],
        *[("silver", name) for name in ("lost", "duplicated", "unexpected", "users_difference")],
        *[("rejected", name) for name in ("missing", "unexpected")],
        ("gold", "difference"),
        *[("retractions", name) for name in ("left", "unnoted")],
        *[("warehouse", name) for name in ("lost", "duplicated", "unexpected", "gold_difference")],
    ],
)
def test_any_single_fault_fails_the_audit(layer: str, fault: str) -> None:
    assert report.passed(CLEAN)
    assert not report.passed(CLEAN | {layer: CLEAN[layer] | {fault: 1}})


def test_the_readable_report_names_the_verdict_and_the_reasons() -> None:
    text = report.readable(CLEAN | {"passed": True})

    assert "passed" in text
    assert "not_json 1" in text
    assert "without the first 20 s of" in text


def test_an_operation_that_stopped_half_way_is_named_with_what_to_do() -> None:
    text = report.readable(CLEAN | {"passed": False, "unfinished": ["erase"]})

    assert "erase has not ended" in " ".join(text.split())
    assert "run it again, then audit" in " ".join(text.split())


def test_the_live_line_tells_counts_sentiment_and_lag() -> None:
    now = screen.Snapshot(
        seconds=12,
        sending={"rate": 100.0},
        rows={"sent": 1200, "silver": 900},
        freshness={"lag_p50_s": 2.0, "lag_p95_s": 3.5},
        sentiment={"negative": 0.2, "neutral": 0.3, "positive": 0.5, "polarity": 0.31},
    )

    assert screen.one_line(now) == "12 s: sent 1,200, silver 900, polarity +0.31, gold lag p95 3.5 s"


def test_what_stopped_half_way_is_read_off_the_journal(tmp_path: Path) -> None:
    settings = Settings(lake=str(tmp_path), checkpoints=str(tmp_path), stream="")
    assert journal.unfinished(settings) == []
    for identity in ("erase-1a", "erase-2b", "rescore-3c"):
        Files(settings).write_json(f"{tmp_path}/{journal.JOURNAL}/{identity}/change.json", {"table": "silver/posts"})
    assert journal.unfinished(settings) == ["erase", "rescore"]

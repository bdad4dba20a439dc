"""What a catalog of lineage receives: run events with tables, versions and the model, and nothing holds a hop up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from streaming import batch_record
from streaming.alerts import lineage as lineage_module
from streaming.alerts.lineage import Lineage, open_lineage
from streaming.delta.merge import KeyedMerge
from streaming.loop import Loop
from streaming.settings import Settings, from_command_line
from streaming.tables.gold_engagement_by_minute import TABLE as ENGAGEMENT
from tests.builders import NOON
from tests.patience import patience, wait_until
from tests.simulators.catalog import Catalog, serving

SETTINGS = Settings("/lake", "/checkpoints", "events", warehouse="postgresql://me@db.example:5433/mood")
ON_S3 = replace(SETTINGS, lake="s3a://my-lake/live", warehouse="redshift://group/dev")
QUERY = "5f9f1f4e-0000-4000-8000-000000000001"


def progress(batch: int, rows: int = 10, version: int = 5, index: int = -1) -> dict[str, Any]:
    """Spark's report of a batch that read bronze up to, and without, `version`."""
    offset = {"sourceVersion": 1, "reservoirId": "t", "reservoirVersion": version, "index": index}
    source = {"description": "DeltaSource[file:/lake/bronze/events]", "endOffset": offset, "numInputRows": rows}
    took = {"durationMs": {"triggerExecution": 900}, "timestamp": "2026-01-05T10:00:00.000Z"}
    return {"id": QUERY, "batchId": batch, "numInputRows": rows, "sources": [source], **took}


def refined(batch: int) -> None:
    """Do what the hop refine does in a batch, as far as the lineage sees it."""
    with batch_record.recorded("refine", QUERY, batch):
        batch_record.scored_with("7")
        batch_record.wrote("silver/posts", 12)


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    with serving() as server:
        yield server


@pytest.fixture
def nobody_observes() -> Iterator[None]:
    yield
    batch_record.observe(None)


@pytest.fixture
def lineage(catalog: Catalog, nobody_observes: None) -> Iterator[Lineage]:
    sending = open_lineage(SETTINGS, catalog.url)
    try:
        yield sending
    finally:
        sending.close()


def versions(data_sets: list[dict[str, Any]]) -> dict[tuple[str, str], str | None]:
    """The version of each data set, by namespace and name."""
    return {
        (each["namespace"], each["name"]): each["facets"].get("version", {}).get("datasetVersion") for each in data_sets
    }


def test_a_batch_is_a_run_with_versions_of_tables_and_of_the_model(catalog: Catalog, lineage: Lineage) -> None:
    refined(3)
    lineage.batch("refine", progress(3))
    lineage.close()

    assert catalog.refused == []
    start, complete = catalog.events
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert (complete["job"]["namespace"], complete["job"]["name"]) == ("moodstream", "events.refine")
    assert versions(complete["inputs"]) == {("file", "/lake/bronze/events"): "4"}
    assert versions(complete["outputs"]) == {("file", "/lake/silver/posts"): "12"}
    assert complete["inputs"][0]["inputFacets"]["inputStatistics"]["rowCount"] == 10
    model = complete["run"]["facets"]["moodstream_model"]
    assert (model["name"], model["version"]) == ("moodstream-sentiment", "7")


def test_a_replayed_batch_is_the_same_run_and_the_next_batch_another(catalog: Catalog, lineage: Lineage) -> None:
    for batch in (3, 3, 4):
        refined(batch)
        lineage.batch("refine", progress(batch))
    lineage.close()
    first, again, following = [event["run"]["runId"] for event in catalog.ended("refine")]
    assert first == again != following


def test_a_batch_that_fails_is_a_failed_run_with_its_error(catalog: Catalog, lineage: Lineage) -> None:
    with pytest.raises(ValueError, match="broken"), batch_record.recorded("refine", QUERY, 3):
        raise ValueError("broken")
    lineage.close()
    [failed] = catalog.ended("refine")
    assert failed["eventType"] == "FAIL"
    assert failed["run"]["facets"]["errorMessage"]["message"] == "ValueError: broken"


def test_a_round_of_a_loop_is_a_run_if_it_wrote_something(catalog: Catalog, lineage: Lineage) -> None:
    rounds = iter([True, False])
    done = Event()

    def step() -> dict[str, Any]:
        if next(rounds, None):
            batch_record.read("silver/posts", 12)
            batch_record.wrote("dw.fact_post")
        else:
            done.set()
        return {}

    loop = Loop("load", step, 0.01)
    try:
        wait_until(done.is_set, "two rounds")
    finally:
        loop.stop()
    lineage.close()
    [loaded] = catalog.ended("load")
    assert versions(loaded["inputs"]) == {("file", "/lake/silver/posts"): "12"}
    assert versions(loaded["outputs"]) == {("postgres://db.example:5433", "mood.dw.fact_post"): None}


def test_tables_on_s3_and_in_redshift_have_the_names_that_other_tools_give_them() -> None:
    from streaming.alerts.lineage_events import data_set

    assert data_set(ON_S3, "gold/freshness") == ("s3://my-lake", "live/gold/freshness")
    assert data_set(ON_S3, "dw.freshness") == ("redshift://group.us-east-1:5439", "dev.dw.freshness")
    assert data_set(ON_S3, "events") == ("kinesis://us-east-1", "events")


def test_a_batch_that_reads_and_writes_nothing_is_no_run(catalog: Catalog, lineage: Lineage) -> None:
    with batch_record.recorded("refine", QUERY, 3):
        pass
    lineage.batch("refine", progress(3, rows=0))
    lineage.close()
    assert catalog.events == []


def test_a_batch_whose_rows_spark_does_not_count_is_a_run_of_the_tables_with_news(
    catalog: Catalog, lineage: Lineage
) -> None:
    with batch_record.recorded("aggregate", QUERY, 3):
        batch_record.wrote("gold/sentiment_by_minute", 9)
    told = progress(3, rows=0)
    (read,) = told["sources"]
    idle = {**read, "description": "DeltaSource[file:/lake/silver/comments]", "startOffset": read["endOffset"]}
    told["sources"] = [{**read, "description": "DeltaSource[file:/lake/silver/posts]", "startOffset": None}, idle]
    lineage.batch("aggregate", told)
    lineage.close()
    (done,) = catalog.ended("aggregate")
    assert versions(done["inputs"]) == {("file", "/lake/silver/posts"): "4"}
    assert "inputStatistics" not in done["inputs"][0].get("inputFacets", {})
    assert versions(done["outputs"]) == {("file", "/lake/gold/sentiment_by_minute"): "9"}


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "refuses"])
def test_a_catalog_that_is_dead_neither_stops_nor_slows_a_hop(
    hangs: bool, nobody_observes: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lineage_module, "CLOSE_WITHIN", 0.2)
    released = Event()

    def emit(_event: Any) -> None:
        if hangs:
            released.wait()
        raise ConnectionError("nobody there")

    sending = Lineage(SETTINGS, emit)
    batch_record.observe(sending.finished)
    try:
        began = time.monotonic()
        for batch in range(5000):
            refined(batch)
            sending.batch("refine", progress(batch))
        assert time.monotonic() - began < patience(5.0)
        sending.close()
        assert sending._waiting.qsize() <= lineage_module.MAX_WAITING
    finally:
        released.set()
        wait_until(sending._waiting.empty, "all batches to be dropped")
        sending.close()
    # Once an outage, not once a batch.
    assert sum("the catalog takes no lineage" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize("first", [0, 5], ids=["replaced", "merged"])
def test_a_keyed_table_notes_the_version_that_holds_the_batch(
    tmp_path: Path, nobody_observes: None, first: int
) -> None:
    told: list[batch_record.BatchRecord] = []
    batch_record.observe(lambda record, _failure: told.append(record))
    minute = {"minute": [NOON], "action": ["like"], "interactions": [2]}
    table = KeyedMerge(ENGAGEMENT, str(tmp_path), {}, QUERY)
    for batch in (first, first, first + 1):  # the second is a replay, which the table has already
        with batch_record.recorded("aggregate", QUERY, batch):
            table.apply(ENGAGEMENT.rows({name: pa.chunked_array([values]) for name, values in minute.items()}), batch)
    assert [record.writes for record in told] == [{ENGAGEMENT.name: 1}, {}, {ENGAGEMENT.name: 2}]
    assert DeltaTable(str(tmp_path)).version() == 2


def test_nothing_is_noted_where_nobody_observes() -> None:
    with batch_record.recorded("refine", QUERY, 1):
        assert batch_record._current.get() is None
        batch_record.wrote("silver/posts", 1)


def test_the_key_of_a_catalog_comes_from_the_environment_and_is_not_shown(
    catalog: Catalog, nobody_observes: None
) -> None:
    argv = ["--lake", "/lake", "--stream", "events", "--openlineage-endpoint", catalog.url]
    settings = from_command_line(argv, {"MOODSTREAM_OPENLINEAGE_API_KEY": "secret"})
    assert "secret" not in repr(settings)
    sending = open_lineage(settings, catalog.url)
    refined(1)
    sending.batch("refine", progress(1))
    sending.close()
    assert set(catalog.keys) == {"Bearer secret"}

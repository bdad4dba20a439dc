"""One event that cannot be refined: it goes to quarantine, and the other events of its batch to silver."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from streaming import commit_points
from streaming.delta.data_files import DataFiles, Target
from streaming.quarantine.writing import Write
from streaming.scoring.archive import Model
from streaming.scoring.champion import Scorer
from streaming.settings import Settings
from streaming.sinks.silver import Files, Silver
from tests.builders import a_bronze_row, a_record
from tests.fake_champion import FakeChampion, Score
from tests.integration.test_streaming_refine import arrive, refine
from tests.lake_rows import rows_of

BAD = "event-500"


@pytest.fixture
def settings(empty_lake: Path, tmp_path: Path) -> Settings:
    return Settings(lake=str(empty_lake), checkpoints=str(tmp_path / "checkpoints"), stream="events")


def a_thousand(spark: SparkSession, settings: Settings) -> None:
    """Posts event-0 to event-999 arrive in one batch."""
    payload = {"text": "fine", "user_id": "u7"}
    records = (a_record(payload=payload, event_id=f"event-{number}") for number in range(1000))
    arrive(spark, settings, [a_bronze_row(data, number) for number, data in enumerate(records)])


def refusing(error: Exception) -> Files:
    """Data files into which the event BAD cannot be written."""

    class Refusing:  # inside the function: Spark's workers cannot import this module
        def __init__(self, targets: Mapping[str, Target], options: Mapping[str, str]) -> None:
            self.write = DataFiles(targets, options)

        def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                if "event-500" in batch["event_id"].to_pylist():
                    raise error
                yield from self.write([batch])

    def files(targets: Mapping[str, Target], options: Mapping[str, str]) -> Write:
        return Refusing(targets, options)

    return files


def failures_until_done(run: Callable[[], Any], at_most: int = 5) -> int:
    """Start the hop again after each failure, as the supervisor does; returns how often it failed."""
    for failures in range(at_most):
        try:
            run()
        except Exception:
            continue
        return failures
    raise AssertionError(f"still failing after {at_most} starts")


def hop(spark: SparkSession, settings: Settings, files: Files, champion: Any = None) -> Callable[[], None]:
    return lambda: refine(spark, settings, Silver(spark, settings, champion or FakeChampion(), files))


def ids(settings: Settings, name: str) -> list[str]:
    return sorted(row["event_id"] for row in rows_of(Path(settings.lake), name))


ALL_BUT_ONE = sorted(f"event-{number}" for number in range(1000) if number != 500)


def test_a_row_that_fails_its_batch_three_times_is_left_out_and_the_others_arrive(
    spark: SparkSession, settings: Settings
) -> None:
    a_thousand(spark, settings)
    assert failures_until_done(hop(spark, settings, refusing(ValueError("the disk hates it")))) == 3
    assert ids(settings, "silver/posts") == ALL_BUT_ONE
    (row,) = rows_of(Path(settings.lake), "silver/quarantined")
    assert (row["hop"], row["table_name"], row["event_id"], row["user_id"]) == ("refine", "silver/posts", BAD, "u7")
    assert (row["error_class"], row["error"], row["batch"]) == ("ValueError", "the disk hates it", 0)
    assert row["data"] == a_record(payload={"text": "fine", "user_id": "u7"}, event_id=BAD)
    # The next batch begins with no failure to its account.
    arrive(spark, settings, [a_bronze_row(a_record(event_id="next"), 1000)])
    assert failures_until_done(hop(spark, settings, DataFiles)) == 0


def test_an_outage_is_no_reason_to_leave_a_row_out(spark: SparkSession, settings: Settings) -> None:
    a_thousand(spark, settings)
    outage = refusing(OSError("the bucket does not answer"))
    with pytest.raises(AssertionError, match="still failing"):
        failures_until_done(hop(spark, settings, outage), at_most=4)
    assert not Path(settings.table("silver/quarantined")).exists()


def test_a_kill_between_quarantine_and_silver_doubles_and_loses_nothing(
    spark: SparkSession, settings: Settings
) -> None:
    def die(point: str) -> None:
        if point == "refine.quarantined":
            raise OSError("killed")

    a_thousand(spark, settings)
    run = hop(spark, settings, refusing(ValueError("no")))
    commit_points.observe(die)
    try:
        with pytest.raises(AssertionError, match="still failing"):
            failures_until_done(run)
    finally:
        commit_points.observe(None)
    assert (ids(settings, "silver/quarantined"), ids(settings, "silver/posts")) == ([BAD], [])
    assert failures_until_done(run) == 0
    assert (ids(settings, "silver/quarantined"), ids(settings, "silver/posts")) == ([BAD], ALL_BUT_ONE)


class FailsOnOneText(FakeChampion):
    """A model without a predecessor that cannot score one of the texts."""

    @staticmethod
    def predict(texts: Any) -> pd.DataFrame:
        if "riddle" in texts:
            raise RuntimeError("cannot read riddles")
        return pd.DataFrame(
            {"sentiment": "positive", "polarity": 0.5, "confidence": 0.9, "language": "en"}, index=range(len(texts))
        )

    def scorer(self, _batch: int, *, each: bool = False) -> Score:
        predict = self.predict
        return Scorer(lambda: Model(predict), "riddles", each)


def test_a_text_that_no_model_can_score_is_left_out(spark: SparkSession, settings: Settings) -> None:
    records = [a_record(payload={"text": text}, event_id=text) for text in ("one", "riddle", "two")]
    arrive(spark, settings, [a_bronze_row(data, number) for number, data in enumerate(records)])
    assert failures_until_done(hop(spark, settings, DataFiles, FailsOnOneText())) == 3
    assert ids(settings, "silver/posts") == ["one", "two"]
    (row,) = rows_of(Path(settings.lake), "silver/quarantined")
    assert (row["event_id"], row["error_class"]) == ("riddle", "ModelUnusable")
    assert "cannot read riddles" in row["error"]

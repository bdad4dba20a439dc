"""Rows that fail: found by halves, counted, kept once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from streaming.delta.data_files import DataFiles, Target
from streaming.errors import SinkUnavailable, TooManyRefused
from streaming.events.parse import parse_record
from streaming.failures import is_about_data
from streaming.quarantine.bisect import MAX_REFUSED, bisect
from streaming.quarantine.failures import Failures
from streaming.quarantine.table import Quarantine
from streaming.quarantine.writing import LeavesOut, quarantined_row
from streaming.scoring.archive import Model
from streaming.scoring.each_text import judged_each
from streaming.settings import Settings
from streaming.tables.catalog import SILVER
from streaming.tables.columns import LANGUAGE_FIELDS, PARTITIONS, SENTIMENT_FIELDS
from streaming.tables.parsed_events import QUARANTINED, SCHEMA, parsed_batches
from tests.builders import NOON, a_bronze_row, a_record
from tests.lake_rows import BRONZE, SCORES, rows_of, settings_of

ARROW = to_arrow_schema(SCHEMA)
SCORED = to_arrow_schema(StructType([*SENTIMENT_FIELDS, *LANGUAGE_FIELDS]))


class Refuses:
    """Takes numbers, but not those that it is told of."""

    def __init__(self, *bad: int, error: type[Exception] = ValueError) -> None:
        self.bad, self.error, self.calls = bad, error, 0

    def __call__(self, start: int, stop: int) -> list[range]:
        self.calls += 1
        if any(start <= number < stop for number in self.bad):
            raise self.error(f"{start} to {stop}")
        return [range(start, stop)]


def test_the_bad_rows_are_found_and_every_other_row_is_processed_once() -> None:
    taken, refused = bisect(1000, Refuses(0, 499, 500, 999))
    assert [each.position for each in refused] == [0, 499, 500, 999]
    assert sorted(number for part in taken for number in part) == sorted({*range(1000)} - {0, 499, 500, 999})


def test_one_bad_row_among_many_costs_few_calls() -> None:
    process = Refuses(77_777)
    bisect(100_000, process)
    assert process.calls <= 2 * 17 + 1


def test_no_rows_are_no_work() -> None:
    assert bisect(0, Refuses(0)) == ([], [])


def test_an_outage_ends_the_search() -> None:
    with pytest.raises(SinkUnavailable):
        bisect(10, Refuses(3, error=SinkUnavailable))


def test_so_many_bad_rows_are_not_the_rows_fault() -> None:
    with pytest.raises(TooManyRefused, match="none is left out"):
        bisect(1000, Refuses(*range(MAX_REFUSED + 1)))
    assert len(bisect(1000, Refuses(*range(MAX_REFUSED)))[1]) == MAX_REFUSED


def in_a_worker(last: str) -> RuntimeError:
    return RuntimeError(f"PythonException: Traceback (most recent call last):\n  File 'worker.py'\n{last}\n\n\tat java")


@pytest.mark.parametrize("last", ["ValueError: x", "pyarrow.lib.ArrowInvalid: x", "streaming.errors.ModelUnusable: x"])
def test_an_error_of_a_worker_is_about_data_by_the_class_in_its_text(last: str) -> None:
    assert is_about_data(in_a_worker(last))


@pytest.mark.parametrize("last", ["OSError: x", "ConnectionError: x", "botocore.exceptions.ClientError: x"])
def test_an_outage_in_a_worker_is_not_about_data(last: str) -> None:
    assert not is_about_data(in_a_worker(last))
    assert not is_about_data(in_a_worker("ValueError: No space left on device"))


def test_failures_are_counted_across_restarts_and_forgotten_after_a_success(tmp_path: Path) -> None:
    settings = Settings(lake=str(tmp_path), checkpoints=str(tmp_path / "c"), stream="events")
    for _ in range(3):
        assert not Failures(settings, "refine").exhausted
        Failures(settings, "refine").note(ValueError("bad"))
    Failures(settings, "refine").note(SinkUnavailable("down"))
    again = Failures(settings, "refine")
    assert again.exhausted
    again.clear()
    assert not Failures(settings, "refine").exhausted


def a_row(key: str, **fields: Any) -> dict[str, Any]:
    return {
        "table_name": "silver/posts",
        "key": key,
        "event_id": key,
        "error_class": "ValueError",
        "error": "x",
    } | fields


def test_a_batch_that_is_repeated_quarantines_no_row_twice(tmp_path: Path) -> None:
    quarantine = Quarantine(settings_of(tmp_path), "refine")
    quarantine.add([a_row("a"), a_row("b")], "query", 7)
    Quarantine(settings_of(tmp_path), "refine").add([a_row("a"), a_row("b"), a_row("c")], "query", 7)
    rows = rows_of(tmp_path, "silver/quarantined")
    assert sorted((row["key"], row["hop"], row["batch"]) for row in rows) == [
        ("a", "refine", 7),
        ("b", "refine", 7),
        ("c", "refine", 7),
    ]


def test_too_many_rows_of_a_batch_are_not_quarantined(tmp_path: Path) -> None:
    with pytest.raises(TooManyRefused):
        Quarantine(settings_of(tmp_path), "refine").add([a_row(str(n)) for n in range(MAX_REFUSED + 1)], "query", 7)
    assert not (tmp_path / "silver").exists()


def parsed(*records: bytes, parse: Any = parse_record) -> list[dict[str, Any]]:
    rows = [{**a_bronze_row(data, number), "data": data} for number, data in enumerate(records)]
    return [
        row for batch in parsed_batches([pa.RecordBatch.from_pylist(rows, BRONZE)], parse) for row in batch.to_pylist()
    ]


def test_a_record_at_which_the_parser_fails_stands_beside_the_others() -> None:
    def fails_on_b(data: bytes, arrival: Any) -> Any:
        if b'"b"' in data:
            raise KeyError("unforeseen")
        return parse_record(data, arrival)

    rows = parsed(*(a_record(event_id=each) for each in "abc"), parse=fails_on_b)
    assert [row["entity"] for row in rows] == ["post", "post", QUARANTINED]
    assert (rows[2]["reason"], json.loads(rows[2]["data"])["event_id"]) == ("KeyError", "b")
    assert len({row["duplicate_key"] for row in rows}) == 3


def test_an_event_with_a_value_that_no_column_can_hold_stands_beside_the_others() -> None:
    def too_large(data: bytes, arrival: Any) -> Any:
        (event,) = parse_record(data, arrival)
        return [event if b'"b"' not in data else event._replace(schema_version=2**40)]

    rows = parsed(*(a_record(event_id=each) for each in "abc"), parse=too_large)
    assert [row["entity"] for row in rows] == ["post", QUARANTINED, "post"]
    found = (rows[1]["reason"], rows[1]["record_index"], json.loads(rows[1]["data"])["event_id"])
    assert found == ("ArrowInvalid", 0, "b")


def test_texts_that_a_model_cannot_score_get_their_error_and_the_others_their_scores() -> None:
    def predict(texts: Any) -> pd.DataFrame:
        if "riddle" in texts:
            raise RuntimeError("cannot read riddles")
        return pd.DataFrame(
            {"sentiment": "positive", "polarity": 0.5, "confidence": 0.9, "language": "en"}, index=range(len(texts))
        )

    scores = judged_each(Model(predict), pd.Series(["one", None, "riddle", "two"]), pd.Series([None] * 4))
    assert [value if isinstance(value, str) else None for value in scores["sentiment"]] == [
        "positive",
        None,
        None,
        "positive",
    ]
    assert [bool(why) for why in scores["score_error"]] == [False, False, True, False]
    assert "cannot read riddles" in scores["score_error"][2]


def written(lake: Path, *batches: pa.RecordBatch, apart: bool = True) -> tuple[int, list[dict[str, Any]]]:
    """How many rows a task writes into files, and the rows that it hands over, if the event `bad` cannot be written."""
    posts = SILVER["post"]
    columns = [field for field in to_arrow_schema(posts.schema) if field.name not in PARTITIONS]
    files = DataFiles({"post": Target(str(lake / posts.name), pa.schema(columns), posts.time)}, {})

    def refusing(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in rows:
            if "bad" in batch["event_id"].to_pylist():
                raise ValueError("cannot be written")
            yield from files([batch])

    found = [row for batch in LeavesOut(refusing, taking_apart=apart)(batches) for row in batch.to_pylist()]
    counts = [json.loads(row["statistics"])["numRecords"] for row in found if row["statistics"]]
    return sum(counts), [quarantined_row(row["quarantined"]) for row in found if row["quarantined"]]


def scored(*records: bytes, **columns: Any) -> pa.RecordBatch:
    """A batch as scoring hands it to the task's writer."""
    rows = [row | SCORES for row in parsed(*records)]
    batch = pa.Table.from_pylist(rows, pa.schema([*ARROW, *SCORED])).combine_chunks().to_batches()[0]
    for name, values in columns.items():
        batch = batch.append_column(name, values)
    return batch


def test_a_task_writes_all_rows_but_the_one_that_cannot_be_written(tmp_path: Path) -> None:
    events = scored(
        *(a_record(event_id=f"e{n}", payload={"user_id": "u7"}) for n in range(999)), a_record(event_id="bad")
    )
    count, (row,) = written(tmp_path, events)
    assert (count, row["event_id"], row["table_name"], row["data"]) == (
        999,
        "bad",
        "silver/posts",
        a_record(event_id="bad"),
    )
    assert (row["error_class"], row["error"], row["user_id"]) == ("ValueError", "cannot be written", "u1")
    assert (row["key"], row["arrival_time"]) == (f"{999:030d}/0/bad", NOON)


def test_before_the_third_failure_the_row_fails_the_task(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        written(tmp_path, scored(a_record(event_id="bad")), apart=False)


def test_what_could_not_be_parsed_or_scored_is_handed_over_at_once(tmp_path: Path) -> None:
    def fails(data: bytes, arrival: Any) -> Any:
        raise KeyError("unforeseen")

    (broken,) = parsed_batches([pa.RecordBatch.from_pylist([{**a_bronze_row(b"{}"), "data": b"{}"}], BRONZE)], fails)
    count, (row,) = written(tmp_path, broken, apart=False)
    assert (count, row["table_name"], row["data"], row["error_class"]) == (0, "bronze/events", b"{}", "KeyError")
    texts = scored(a_record(event_id="a"), a_record(event_id="b"), score_error=pa.array([None, "a riddle"]))
    count, (row,) = written(tmp_path, texts)
    assert (count, row["event_id"], row["error_class"], row["error"]) == (1, "b", "ModelUnusable", "a riddle")

"""How long the dashboard's pages take to draw over ten million texts, and what an hour of redraws does to its memory.

Times are CPU seconds of the whole process, which a busy machine does not change much; every draw reads all its tables
again, as after a commit to each. `make rehearse` runs it; the figures of docs/dashboard.md come from here.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import write_deltalake

from deploy.dashboard import lake, pipeline
from harness.bench.machine import vader_rate
from streaming.tables.keyed_table import HOUR_OF_DAY, PARTITIONS, TIMESTAMP
from tests.dashboard import page

FACTS = 10_000_000
DAYS = 7
FILES_A_DAY = 12
TOPICS, PLACES, TERMS = 100, 30, 5000
BANDS = ("under 18", "18-24", "25-34", "35-44", "45-54", "55-64", "65+", "unknown")
GOAL_S = {"Overview": 0.3, "Why": 0.3, "Incidents": 0.3, "Find": 0.3, "Models": 0.3, "Label": 0.3, "Pipeline": 0.3}
REFERENCE_VADER = 40_000  # the goals are meant for a machine that scores so many texts a CPU second with VADER
REDRAWS = 1200  # of an hour, one every three seconds
FLAT = 1.1  # the last quarter's memory over the second quarter's

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
BEGAN = NOW - timedelta(days=DAYS)
chance = np.random.default_rng(1)

pytestmark = pytest.mark.filterwarnings("ignore")


def times(count: int, step: timedelta) -> pa.Array:
    """`count` times that end now, `step` apart."""
    end = np.datetime64(NOW.replace(tzinfo=None), "us")
    return pa.array(end - np.arange(count)[::-1] * np.timedelta64(step), TIMESTAMP)


def measures(rows: int) -> dict[str, Any]:
    negative, neutral, positive = (chance.integers(0, 20, rows) for _ in range(3))
    return {
        "events": negative + neutral + positive,
        "negative": negative,
        "neutral": neutral,
        "positive": positive,
        "polarity_sum": (positive - negative) * 0.5,
        "polarity_mean": np.zeros(rows),
        "late": np.zeros(rows, int),
    }


def put(workdir: Path, name: str, time_column: str, columns: dict[str, Any], *, hourly: bool = False) -> None:
    """Append rows, partitioned as the job's tables are."""
    table = pa.table(columns)
    moments = table[time_column]
    parts = {"year": pc.year(moments), "month": pc.month(moments), "day": pc.day(moments)}
    parts |= {HOUR_OF_DAY: pc.hour(moments)} if hourly else {}
    for key, values in parts.items():
        table = table.append_column(key, values.cast(pa.int32()))
    by = [*PARTITIONS, *([HOUR_OF_DAY] if hourly else [])]
    write_deltalake(str(workdir / "lake" / name), table, mode="append", partition_by=by)


def crossed(moments: pa.Array, *keys: list[str]) -> list[Any]:
    """Every combination of the times and of each list of keys, as columns."""
    lengths = [len(moments), *(len(each) for each in keys)]
    grid = np.indices(lengths).reshape(len(lengths), -1)
    return [moments.take(pa.array(grid[0])), *(np.array(key)[place] for key, place in zip(keys, grid[1:], strict=True))]


def fill_gold(workdir: Path) -> None:
    minutes, hours = times(DAYS * 1440, timedelta(minutes=1)), times(DAYS * 24, timedelta(hours=1))
    words = [f"word{number}" for number in range(TERMS)]
    tables: dict[str, tuple[str, tuple[list[str], ...], tuple[str, ...], pa.Array, bool]] = {
        "gold/sentiment_by_minute": ("minute", (["post", "comment"],), ("entity",), minutes, False),
        "gold/sentiment_by_topic": ("minute", ([f"topic{n}" for n in range(TOPICS)],), ("topic",), minutes, True),
        "gold/terms_by_hour": ("hour", (words,), ("term",), hours, True),
        "gold/sentiment_by_model": ("hour", (["3", "4"],), ("model_version",), hours, False),
        "gold/sentiment_by_cohort": (
            *("hour", ([f"place{n}" for n in range(PLACES)], list(BANDS)), ("location", "age_band"), hours, False),
        ),
    }
    for name, (column, keys, names, moments, hourly) in tables.items():
        first, *rest = crossed(moments, *keys)
        more = {} if "entity" in names else {"entity": np.full(len(first), "post")}
        columns = {column: first, **dict(zip(names, rest, strict=True)), **more}
        put(workdir, name, column, {**columns, **measures(len(first))}, hourly=hourly)
    batches = times(DAYS * 24 * 60 * 12, timedelta(seconds=5))
    lags = {"lag_p50_s": np.full(len(batches), 1.5), "lag_p95_s": np.full(len(batches), 2.5)}
    counted = {"batch_id": np.arange(len(batches)), "events": np.full(len(batches), 80)}
    put(workdir, "gold/freshness", "committed_at", {"committed_at": batches, **counted, **lags})


def texts(begin: datetime, count: int, span: timedelta, number: int) -> dict[str, Any]:
    """Posts of a span of time, in its order."""
    moments = np.datetime64(begin.replace(tzinfo=None), "us") + np.arange(count) * (np.timedelta64(span) // count)
    said = pa.array([f"what a day it is, word{n} and #topic{n % TOPICS}" for n in range(TERMS)])
    ids = pa.array(np.arange(number, number + count)).cast(pa.string())
    sentiments = pa.array(["negative", "neutral", "positive"]).take(pa.array(chance.integers(0, 3, count)))
    stamps = pa.array(moments, TIMESTAMP)
    score = {"sentiment": sentiments, "polarity": chance.uniform(-1, 1, count), "confidence": chance.random(count)}
    users = pa.array([f"user{n}" for n in range(9999)]).take(pa.array(chance.integers(0, 9999, count)))
    return {
        "event_id": ids,
        "post_id": ids,
        "user_id": users,
        "event_time": stamps,
        "arrival_time": stamps,
        "text": said.take(pa.array(chance.integers(0, TERMS, count))),
        **score,
        "model_version": pa.array(["3"] * count),
    }


def fill_silver(workdir: Path) -> None:
    files = DAYS * FILES_A_DAY
    span = timedelta(days=DAYS) / files
    for name, share in (("silver/posts", 0.6), ("silver/comments", 0.4)):
        each = int(FACTS * share / files)
        for file in range(files):
            put(workdir, name, "event_time", texts(BEGAN + file * span, each, span, file * each))


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    fill_gold(folder)
    fill_silver(folder)
    return folder


def vader_rate_of_cpu() -> float:
    """Texts that VADER scores in a second of CPU, which others on the machine hardly change."""
    wall, cpu = time.perf_counter(), time.process_time()
    rate = vader_rate()
    return rate * (time.perf_counter() - wall) / (time.process_time() - cpu)


@pytest.fixture
def redrawn() -> Callable[[Any], float]:
    """Draws a page again, with what it had read forgotten; returns CPU seconds."""

    def redraw(shown: Any) -> float:
        lake._read.clear()
        pipeline._size.clear()
        began = time.process_time()
        shown.run()
        spent = time.process_time() - began
        assert not shown.exception
        return spent

    return redraw


@pytest.mark.parametrize("name", GOAL_S)
def test_a_page_is_drawn_again_within_the_goal(
    monkeypatch, workdir: Path, redrawn: Callable[[Any], float], name: str
) -> None:
    shown = page(monkeypatch, workdir, name, "--labels")
    if name == "Label":
        shown.text_input[0].set_value("ann").run()

    # The least: others on the machine only add to it.
    spent = min(redrawn(shown) for _ in range(5))

    rate = vader_rate_of_cpu()
    sys.stdout.write(
        f"{name}: {1000 * spent:.0f} ms of CPU, on a machine of {rate:,.0f} texts a CPU second with VADER\n"
    )
    assert spent < GOAL_S[name] * max(REFERENCE_VADER / rate, 1)


def test_an_hour_of_redraws_leaves_the_memory_as_it_is(
    monkeypatch, workdir: Path, redrawn: Callable[[Any], float]
) -> None:
    shown = page(monkeypatch, workdir)
    process, used = psutil.Process(), []
    for _ in range(REDRAWS):
        redrawn(shown)
        used.append(process.memory_info().rss / 1e6)
    gc.collect()
    quarter = len(used) // 4
    early, late = max(used[quarter : 2 * quarter]), max(used[-quarter:])

    sys.stdout.write(f"memory: {early:.0f} MB in the second quarter, {late:.0f} MB in the last\n")
    assert late < FLAT * early

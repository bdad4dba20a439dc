"""`moodstream bench warehouse`: loads, gold to visible, and questions, on its own PostgreSQL.

The server invents facts until there are as many as asked for; then, at each size, it measures:
  load            batches of 5,000 posts, comments, interactions and profiles through the sink of the load hop
  visible         seconds from the end of a MERGE into a gold table until the serve hop has committed its rows
  questions       every saved query of sql/warehouse, and counts of an hour and of all rows

Gold covers nine days: 20 topics a minute, 400 cohorts and 2,000 terms an hour. Run nothing else meanwhile: the server
needs the disk and the cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from deltalake import DeltaTable

from deploy.local import postgres
from deploy.local.workdir import Workdir
from harness.arguments import Parser
from harness.bench import made_up
from moodstream import exit_code_of
from streaming.delta.merge import created
from streaming.settings import Settings
from streaming.tables import gold_engagement_by_minute, gold_quality_by_minute
from streaming.warehouse import statements
from streaming.warehouse.base import Load
from streaming.warehouse.postgres import PostgresWarehouse
from streaming.warehouse.serving import Server

EXAMPLES = """examples:
  moodstream bench warehouse
  moodstream bench warehouse --facts 1000000,10000000 --json      takes 10 GB and a quarter of an hour
"""
BATCH_ROWS = 5_000
ROUNDS = 20
QUESTIONS = (
    *("01_sentiment_over_time", "02_what_turned_sentiment", "03_posts_that_drive_reaction"),
    *("04_sentiment_by_cohort", "05_engagement_and_sentiment", "06_loudest_users"),
    *("07_rejected_and_late", "08_model_versions", "09_freshness"),
)
COUNTS: Mapping[str, str] = {
    "count of an hour": (
        "select count(*) from dw.reaction where event_time >= '2026-01-05' and event_time < '2026-01-05 01:00'"
    ),
    "one post with its comments": "select count(*) from dw.fact_comment where post_id = 'post 17'",
    "rows of every table": "select * from dw.row_counts",
}


def run(facts: Sequence[int], environ: Mapping[str, str], progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure at each number of facts, in ascending order. Times are in seconds; `rate` is rows a second."""
    with database_server(environ) as (url, password), tempfile.TemporaryDirectory(prefix="moodstream-bench-") as lake:
        warehouse = PostgresWarehouse(url, password)
        warehouse.migrate()
        found, have = [], 0
        for size in facts:
            with psycopg.connect(url, password=password, autocommit=True) as connection:
                progress(f"filling up to {size:,} facts")
                made_up.fill(connection, have, size)
                have = size
                progress("loading, serving, asking")
                loads = _loads(warehouse, size)
                visible = _visible(warehouse, Settings(lake=f"{lake}/{size}", checkpoints=lake, stream="bench"))
                made_up.fill_gold(connection)
                answers = _questions(connection)
            found.append({"facts": size, "load": loads, "visible_s": visible, "questions_s": answers})
        warehouse.close()
    return {"batch_rows": BATCH_ROWS, "sizes": found}


@contextmanager
def database_server(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """An empty PostgreSQL for as long as the context lasts: its URL and password."""
    with tempfile.TemporaryDirectory(prefix="moodstream-bench-") as root:
        workdir = Workdir(Path(root))
        workdir.root.chmod(0o755)  # the server runs as `nobody` where this runs as root
        for folder in (workdir.run, workdir.logs):
            folder.mkdir()
        started = postgres.start(workdir, environ)
        try:
            yield started.url, started.password
        finally:
            postgres.stop(workdir)


def _loads(warehouse: PostgresWarehouse, size: int) -> dict[str, float]:
    times = []
    for batch in range(ROUNDS):
        load = Load(f"bench {size}", batch, made_up.batch(BATCH_ROWS), made_up.NOW)
        began = time.perf_counter()
        warehouse.commit([load])
        times.append(time.perf_counter() - began)
    spread = _spread(times[2:])  # the first two open the connection and make staging tables
    return {"rate": round(BATCH_ROWS / statistics.mean(times[2:])), **spread}


def _visible(warehouse: PostgresWarehouse, settings: Settings) -> dict[str, float]:
    """Seconds of rounds of the serve hop, each after MERGEs of one minute into two gold tables."""
    tables = (gold_engagement_by_minute.TABLE, gold_quality_by_minute.TABLE)
    deltas = [created(table, settings.table(table.name), {}) for table in tables]
    serve, times = Server(settings, warehouse), []
    for number in range(ROUNDS):
        for table, delta in zip(tables, deltas, strict=True):
            _merge_minute(delta, table.schema, table.key_names, made_up.NOW + timedelta(minutes=number // 2), number)
        began = time.perf_counter()
        serve()
        times.append(time.perf_counter() - began)
    return _spread(times)


def _merge_minute(delta: DeltaTable, schema: pa.Schema, keys: Sequence[str], minute: datetime, value: int) -> None:
    kinds: dict[Any, Any] = {pa.string(): "post", pa.int64(): value, pa.int32(): 1}
    rows = pa.Table.from_pylist([{field.name: kinds.get(field.type, minute) for field in schema}], schema)
    same = " and ".join(f"target.{key} = source.{key}" for key in keys)
    merge = delta.merge(rows, same, source_alias="source", target_alias="target")
    merge.when_matched_update_all().when_not_matched_insert_all().execute()


def _questions(connection: psycopg.Connection) -> dict[str, float]:
    files = {f"`{name}`": statements.read("warehouse", f"questions/{name}.sql") for name in QUESTIONS}
    found = {}
    for name, text in {**files, **COUNTS}.items():
        times = []
        for _ in range(3):
            began = time.perf_counter()
            connection.execute(text.encode()).fetchall()
            times.append(time.perf_counter() - began)
        found[name] = round(statistics.median(times), 4)
    return found


def _spread(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "p50": round(statistics.median(ordered), 3),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 3),
    }


def markdown(found: Mapping[str, Any]) -> str:
    """The tables of docs/benchmarks.md."""
    sizes = found["sizes"]
    head = " | ".join(f"{size['facts']:,} facts" for size in sizes)
    lines = [f"batches of {found['batch_rows']:,} rows, medians.", "", f"| | {head} |", "|---|" + "---:|" * len(sizes)]
    rows: dict[str, list[str]] = {
        "rows a second loaded": [f"{size['load']['rate']:,}" for size in sizes],
        "a load, p50 / p95": [f"{size['load']['p50']:.2f} / {size['load']['p95']:.2f} s" for size in sizes],
        "gold's commit to visible, p50 / p95": [
            f"{size['visible_s']['p50']:.2f} / {size['visible_s']['p95']:.2f} s" for size in sizes
        ],
    }
    rows |= {name: [f"{size['questions_s'][name]:.3f} s" for size in sizes] for name in sizes[0]["questions_s"]}
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return "\n".join(lines) + "\n"


def _sizes(text: str) -> list[int]:
    sizes = [int(part) for part in text.split(",") if part.strip().isdigit()]
    if not sizes or sizes != sorted(set(sizes)) or sizes[0] < 1_000:
        raise argparse.ArgumentTypeError(f"received '{text}', expected ascending numbers from 1000 on")
    return sizes


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Measure and print; returns 0. Raises LocalError."""
    parser = Parser(
        "moodstream bench warehouse",
        "Loads, freshness and questions of the PostgreSQL warehouse at several sizes.",
        EXAMPLES,
    )
    parser.add_argument("--facts", type=_sizes, default=[1_000_000], metavar="N,N", help="default: 1000000")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")

    def progress(message: str) -> None:
        sys.stderr.write(f"{message}\n")

    given = parser.parse_args(list(argv))
    found = run(given.facts, environ, progress)
    sys.stdout.write(json.dumps(found) + "\n" if given.json else markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of("moodstream bench warehouse", main, sys.argv[1:], os.environ))

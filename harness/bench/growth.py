"""`moodstream bench growth`: whether a batch still costs the same after thousands of batches.

Small micro-batches of generated records go through the job's own refine and aggregate hops in this process, one after
the other; bronze is written directly, without Kinesis. Each batch is a minute of simulated time, so that days pass. The
memory for duplicates is full from the middle of the warm-up on. Every table is maintained, as by `moodstream maintain`,
once in each tenth of the run. With `--users`, silver/users holds so many profiles before the first batch: run it with a
few thousand and with a million, and compare `python_cpu_s`, to see what a batch pays for users that it does not touch.

Compared: medians (of CPU: means) over the tenth of all batches that follows the warm-up (a tenth itself) and over the
last tenth.
None may grow by more than a factor of 1.1:
  refine_batch_s, aggregate_batch_s   a batch as Spark's progress reports it
  state_rows                          event ids remembered to recognise duplicates
  files                               live files of each table; each tenth has one cycle of maintenance, and each day
                                      may add one file
  driver_heap_mb, driver_python_mb    JVM heap in use after garbage collection; resident memory of this process
  jvm_cpu_s, python_cpu_s             CPU seconds a batch: of the JVM; of this process, which also drives the hops
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.arguments import Parser, number

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

    from streaming.settings import Settings

EXAMPLES = """examples:
  moodstream bench growth
  moodstream bench growth --batches 10000 --rows 100
  moodstream bench growth --batches 500 --json
  moodstream bench growth --batches 100 --users 1000000     what a batch costs beside a million profiles
"""
LIMIT = 1.1
MINUTE, DAY = 60.0, 86_400.0
# A table keeps at least one file a day, and one or two more of today until the next maintenance.
EXTRA_FILES = 3
# How many times a run measures memory and files.
FOOTPRINTS = 200
KEEP_HOURS = 7 * 24

Progress = Callable[[str], None]


class Samples:
    """Values by name and batch; compares the tenth after the warm-up with the last one.

    `state_rows`: event ids that are remembered, which the state store does not count (see session.py).
    """

    def __init__(self, batches: int) -> None:
        self.state_rows = 0
        self._tenth = max(1, batches // 10)
        self._batches = batches
        self._values: dict[str, list[tuple[int, float]]] = {}

    def add(self, batch: int, values: Mapping[str, float]) -> None:
        """Add the values measured after `batch`."""
        for name, value in values.items():
            self._values.setdefault(name, []).append((batch, value))

    def compared(self) -> dict[str, dict[str, float]]:
        """`first`, `last` and `ratio` by name; names without samples in both tenths are left out."""
        first = range(self._tenth, 2 * self._tenth)
        last = range(self._batches - self._tenth, self._batches)
        found = {}
        for name, values in self._values.items():
            early, late = ([value for batch, value in values if batch in tenth] for tenth in (first, last))
            if early and late:
                # Some work is done in one batch of many, as that of the hop upsert: a median would not see it.
                typical = statistics.fmean if name.endswith("_cpu_s") else statistics.median
                found[name] = ratio(typical(early), typical(late))
        return found


def ratio(first: float, last: float) -> dict[str, float]:
    """The medians of both tenths and last / first; the ratio is 1 if the first is 0."""
    return {"first": round(first, 3), "last": round(last, 3), "ratio": round(last / first, 3) if first else 1.0}


def measured(
    spark: SparkSession, settings: Settings, batches: int, rows: int, progress: Progress, users: int = 0
) -> dict[str, Any]:
    """What `--json` prints. `settings`: lake and checkpoints; `users`: profiles in silver/users before all batches."""
    from harness.bench.cpu import own_cpu
    from harness.bench.embedded import Arrivals
    from harness.bench.made_up import fill_users
    from streaming.cli import create_tables
    from streaming.delta.merge import keyed_merge
    from streaming.hops import aggregate, refine
    from streaming.short_logs import ShortLogs
    from streaming.sinks.users import Users

    tenth = max(1, batches // 10)
    # The memory for duplicates is full after half of the warm-up.
    bounded = replace(settings, duplicate_window=f"{max(1, tenth // 2)} minutes")
    create_tables(bounded)
    fill_users(bounded, users)
    arrivals = Arrivals(bounded)
    queries: dict[str, Any] = {"refine": refine.start(spark, bounded), "aggregate": aggregate.start(spark, bounded)}
    done = dict.fromkeys(queries, -1)
    # As the job does beside these hops.
    upsert, shorten_logs = Users(bounded, partial(keyed_merge, bounded)), ShortLogs(bounded)
    samples = Samples(batches)
    try:
        for batch in range(batches):
            arrivals.arrive(rows, MINUTE)
            before = own_cpu()
            for hop, query in queries.items():
                done[hop] = _advance(query, hop, samples, batch, done[hop])
            upsert()
            shorten_logs({})
            samples.add(batch, {f"{part}_cpu_s": own_cpu()[part] - seconds for part, seconds in before.items()})
            if batch % max(1, batches // FOOTPRINTS) == 0:
                samples.add(batch, _footprint(spark, bounded))
            if batch % tenth == tenth - 1 and batch + 1 < batches:
                progress(f"{batch + 1} of {batches} batches; maintaining the tables")
                _maintain(bounded)
    finally:
        for query in queries.values():
            query.stop()
    return {**result(samples.compared(), batches, rows), "users": users}


def _advance(query: StreamingQuery, hop: str, samples: Samples, batch: int, done: int) -> int:
    """Wait until a hop has processed all rows, and sample its batches after `done`; returns the last batch's id.

    Waits twice: the first wait ends too early if the hop was just looking for new rows when they arrived.
    """
    for _ in range(2):
        query.processAllAvailable()
        # Not `numInputRows`: Spark reports none for batches that are collected through Arrow.
        made = [each for each in query.recentProgress if "addBatch" in each["durationMs"] and each["batchId"] > done]
        for progress in made:
            samples.add(batch, {f"{hop}_batch_s": progress["durationMs"]["triggerExecution"] / 1000})
            for state in progress["stateOperators"]:
                samples.state_rows += state["numRowsUpdated"] - state["numRowsRemoved"]
                samples.add(batch, {"state_rows": samples.state_rows})
        if made:
            return int(made[-1]["batchId"])
    return done


def _footprint(spark: SparkSession, settings: Settings) -> dict[str, float]:
    """Memory of the driver in MB, and live files of each table."""
    import psutil

    from streaming.delta.tables import open_table

    gc.collect()
    jvm: Any = spark._jvm
    jvm.System.gc()
    runtime = jvm.Runtime.getRuntime()
    files = {f"files {name}": float(len(open_table(settings, name).file_uris())) for name in _tables()}
    return {
        "driver_heap_mb": (runtime.totalMemory() - runtime.freeMemory()) / 1e6,
        "driver_python_mb": psutil.Process().memory_info().rss / 1e6,
        **files,
    }


def _maintain(settings: Settings) -> None:
    from streaming.delta.tables import open_table
    from streaming.operations.maintain import maintain

    for name in _tables():
        maintain(open_table(settings, name), KEEP_HOURS)


def _tables() -> list[str]:
    from streaming.tables import catalog

    return [*catalog.APPENDED, *(table.name for table in catalog.KEYED)]


def result(compared: Mapping[str, dict[str, float]], batches: int, rows: int) -> dict[str, Any]:
    """What `--json` prints: the comparisons, files by table, and the names that are beyond the limit."""
    files = {name.removeprefix("files "): found for name, found in compared.items() if name.startswith("files ")}
    metrics = {name: found for name, found in compared.items() if not name.startswith("files ")}
    more_files = EXTRA_FILES + batches * MINUTE // DAY
    beyond = [name for name, found in metrics.items() if found["ratio"] > LIMIT]
    beyond += [name for name, found in files.items() if found["last"] > LIMIT * found["first"] + more_files]
    return {
        "batches": batches,
        "rows_per_batch": rows,
        **metrics,
        "files": files,
        "limit": LIMIT,
        "beyond": beyond,
        "within": not beyond,
    }


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Measure and print; returns 1 if the growth is beyond its limit. Raises LocalError or ModelError."""
    options = _options(argv)
    found = _measured(options, environ, time.monotonic())
    sys.stdout.write(json.dumps(found) + "\n" if options.json else markdown(found))
    return 0 if found["within"] else 1


def _measured(options: argparse.Namespace, environ: Mapping[str, str], began: float) -> dict[str, Any]:
    from harness.bench import embedded

    def progress(message: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:5.0f} s  {message}\n")

    uri = embedded.registry_with_champion(options.workdir, environ, progress)
    with tempfile.TemporaryDirectory(prefix="moodstream-bench-") as scratch:
        settings = embedded.settings_in(Path(scratch), options.cores, uri)
        spark = embedded.spark_session(settings)
        try:
            found = measured(spark, settings, options.batches, options.rows, progress, options.users)
        finally:
            spark.stop()
    return {**found, "cores": options.cores}


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("moodstream bench growth", __doc__, EXAMPLES)
    whole = "a whole number above 0"
    add = parser.add_argument
    add("--batches", type=number(9, 1e7, "at least 10", int), default=2000, metavar="N", help="micro-batches (2000)")
    add("--rows", type=number(0, 1e6, whole, int), default=200, metavar="N", help="records a batch (200)")
    add("--users", type=number(-1, 1e8, "a whole number", int), default=0, metavar="N",
        help="profiles in silver/users before the first batch (0)")  # fmt: skip
    add("--cores", type=number(0, 512, whole, int), default=2, metavar="N", help="threads of Spark (2)")
    add(
        "--workdir",
        type=Path,
        metavar="DIR",
        help="working directory whose registry has the champion (moodstream-demo)",
    )
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser.parse_args(list(argv))


def markdown(found: Mapping[str, Any]) -> str:
    """The result as a Markdown table."""
    metrics = {name: value for name, value in found.items() if isinstance(value, dict) and "ratio" in value}
    metrics |= {f"files of {name}": value for name, value in found["files"].items()}
    verdict = "all within" if found["within"] else f"beyond the limit: {', '.join(found['beyond'])}; the limit is"
    lines = [
        f"{found['batches']:,} batches of {found['rows_per_batch']:,} rows; {verdict} {found['limit']}.",
        "",
        "| median of | first tenth | last tenth | ratio |",
        "|---|---:|---:|---:|",
    ]
    lines += [f"| {name} | {each['first']} | {each['last']} | {each['ratio']} |" for name, each in metrics.items()]
    return "\n".join(lines) + "\n"

"""`moodstream bench refine`: rows a second from bronze to silver, against baselines and stage by stage, in one run.

Every contender is a streaming query over the same bronze table of generated records (default dirt), one file a
micro-batch, with its own lake and checkpoint. Each runs once to warm up, then all take turns for some rounds. A rate is
the rows of a batch / the median seconds of a batch. Seconds are those of Spark's progress, with planning, offsets,
state and commits. The first batch of a query, which looks up replays, does not count.

Baselines:
  unscored      our query with a model that does nothing: the price of scoring
  passthrough   appends bronze rows to a Delta table, unchanged
  from_json     Spark's own from_json and dropDuplicatesWithinWatermark into the same tables, through our sink;
                no strict checks, no scoring
  txn_options   our query, but Spark writes the tables, each append with Delta's txnAppId and txnVersion
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deploy.local.errors import UsageError
from harness.arguments import Parser, number

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from streaming.scoring.champion import Champion
    from streaming.settings import Settings

EXAMPLES = """examples:
  moodstream bench refine
  moodstream bench refine --rows 100000 --batches 4 --json      few large batches: catching up
  moodstream bench refine --rows 10000 --batches 20 --rounds 5  many small ones: live
"""
BASELINES = ("unscored", "from_json", "passthrough", "txn_options")
# By stage, the query that ends with it; its cost is the difference to the query before.
STAGES = {"parse": "parsed", "deduplicate": "deduplicated", "score": "scored", "write": "refine"}
# Spark keeps the progress of about 100 batches of a query.
MAX_BATCHES = 90

Progress = Callable[[str], None]


class Contender(NamedTuple):
    """A streaming query: bronze through `transform` into `sink`, which `foreachBatch` calls."""

    transform: Callable[[DataFrame], DataFrame]
    sink: Callable[[DataFrame, int], None]


def measured(
    spark: SparkSession,
    settings: Settings,
    champion: Champion,
    rows: int,
    batches: int,
    rounds: int,
    progress: Progress,
    *,
    warm_up: int = 1,
) -> dict[str, Any]:
    """Measure on a session, in the lake and checkpoints that `settings` name; what `--json` prints."""
    from harness.bench.embedded import Arrivals
    from streaming.cli import create_tables

    source = replace(settings, max_files_per_batch=1)
    create_tables(source)
    arrivals = Arrivals(source)
    for _ in range(batches + 1):
        arrivals.arrive(rows // batches, 1.0)
    seconds: dict[str, list[float]] = {}
    for turn in range(1 - warm_up, rounds + 1):
        for name in contenders(spark, source, champion):
            taken = _run(spark, source, champion, name)
            progress(f"{f'round {turn}' if turn > 0 else 'warm-up'}: {name} {statistics.median(taken):.2f} s a batch")
            seconds.setdefault(name, []).extend(taken if turn > 0 else [])
    return _result(seconds, rows // batches, batches, rounds)


def _run(spark: SparkSession, source: Settings, champion: Champion, name: str) -> list[float]:
    """Run one query; returns the seconds of each batch except the first, and removes what it wrote."""
    from streaming.cli import create_tables

    target = replace(source, lake=f"{source.lake}-{name}", checkpoints=f"{source.checkpoints}-{name}")
    create_tables(target)
    contender = contenders(spark, target, champion)[name]
    query = (
        bronze(spark, source)
        .transform(contender.transform)
        .writeStream.foreachBatch(contender.sink)
        .option("checkpointLocation", target.checkpoint(name))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    taken = [
        each["durationMs"]["triggerExecution"] / 1000
        for each in query.recentProgress
        if "addBatch" in each["durationMs"]
    ]
    for folder in (target.lake, target.checkpoints):
        shutil.rmtree(folder, ignore_errors=True)
    return taken[1:]


def bronze(spark: SparkSession, source: Settings) -> DataFrame:
    """The stream of bronze rows that every query reads."""
    from streaming.sources.delta import delta
    from streaming.tables import bronze_events

    return delta(spark, source, bronze_events.NAME)


def contenders(spark: SparkSession, target: Settings, champion: Any) -> dict[str, Contender]:
    """All queries by name; they write to `target`."""
    from harness.bench.baselines import SparkSilver, Unscored, from_json
    from streaming.sinks.silver import Silver
    from streaming.tables.parsed_events import parsed_events, without_duplicates

    def deduplicated(bronze: DataFrame) -> DataFrame:
        return bronze.transform(parsed_events).transform(without_duplicates(target.duplicate_window))

    def computed(rows: DataFrame, _batch: int) -> None:
        rows.write.format("noop").mode("overwrite").save()

    def appended(rows: DataFrame, _batch: int) -> None:
        rows.write.format("delta").mode("append").save(target.table("copy"))

    return {
        "passthrough": Contender(lambda bronze: bronze, appended),
        "from_json": Contender(from_json(target.duplicate_window), Silver(spark, target, Unscored())),  # type: ignore[arg-type]
        "parsed": Contender(parsed_events, computed),
        "deduplicated": Contender(deduplicated, computed),
        "scored": Contender(deduplicated, lambda rows, batch: computed(champion.score(rows, batch), batch)),
        "refine": Contender(deduplicated, Silver(spark, target, champion)),
        "unscored": Contender(deduplicated, Silver(spark, target, Unscored())),  # type: ignore[arg-type]
        "txn_options": Contender(deduplicated, SparkSilver(spark, target, champion)),
    }


def _result(seconds: Mapping[str, list[float]], rows: int, batches: int, rounds: int) -> dict[str, Any]:
    middle = {name: statistics.median(taken) for name, taken in seconds.items()}
    rates = {name: round(rows / middle[name]) for name in ("refine", *BASELINES)}
    stages, before = {}, 0.0
    for stage, last in STAGES.items():
        stages[stage], before = round(middle[last] - before, 3), middle[last]
    return {
        "rows": rows * batches,
        "rates": rates,
        **{f"refine_over_{name}": round(rates["refine"] / rates[name], 2) for name in BASELINES},
        "batch_s": {name: round(middle[name], 3) for name in rates},
        "stages_s": stages,
        "spread": {name: [round(rows / max(seconds[name])), round(rows / min(seconds[name]))] for name in rates},
        "rows_per_batch": rows,
        "batches": batches,
        "rounds": rounds,
    }


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Measure and print; returns 0. Raises LocalError or ModelError."""
    options = _options(argv)
    found = _measured(options, environ, time.monotonic())
    sys.stdout.write(json.dumps(found) + "\n" if options.json else markdown(found))
    return 0


def _measured(options: argparse.Namespace, environ: Mapping[str, str], began: float) -> dict[str, Any]:
    from harness.bench import embedded
    from model.settings import MODEL_NAME
    from streaming.files import Files
    from streaming.scoring.champion import Champion
    from streaming.scoring.registry import MlflowRegistry

    def progress(message: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:5.0f} s  {message}\n")

    uri = embedded.registry_with_champion(options.workdir, environ, progress)
    with tempfile.TemporaryDirectory(prefix="moodstream-bench-") as scratch:
        settings = embedded.settings_in(Path(scratch), options.cores, uri)
        spark = embedded.spark_session(settings)
        try:
            champion = Champion(spark, MlflowRegistry(uri, MODEL_NAME), Files(), f"{scratch}/models")
            found = measured(spark, settings, champion, options.rows, options.batches, options.rounds, progress)
        finally:
            spark.stop()
    return {**found, "cores": options.cores}


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("moodstream bench refine", __doc__, EXAMPLES)
    whole = "a whole number above 0"
    add = parser.add_argument
    add("--rows", type=number(0, 1e8, whole, int), default=40_000, metavar="N", help="records a round (40000)")
    add("--batches", type=number(1, MAX_BATCHES, f"2 to {MAX_BATCHES}", int), default=8, metavar="N",
        help="micro-batches a round (8)")  # fmt: skip
    add("--rounds", type=number(0, 1000, whole, int), default=3, metavar="N", help="rounds after the warm-up (3)")
    add("--cores", type=number(0, 512, whole, int), default=2, metavar="N", help="threads of Spark (2)")
    add(
        "--workdir",
        type=Path,
        metavar="DIR",
        help="working directory whose registry has the champion (moodstream-demo)",
    )
    add("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args(list(argv))
    if options.rows < options.batches:
        raise UsageError(
            f"--rows: received {options.rows}, expected at least one for each of {options.batches} batches"
        )
    return options


def markdown(found: Mapping[str, Any]) -> str:
    """The result as Markdown tables."""
    lines = [
        f"{found['rows_per_batch']:,} rows a batch, medians of {found['batches']} batches x {found['rounds']} rounds.",
        "",
        "| query | rows/s | seconds a batch | slowest to fastest, rows/s | refine is |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, rate in found["rates"].items():
        slow, fast = found["spread"][name]
        times = f"{found[f'refine_over_{name}']}x" if name in BASELINES else ""
        lines.append(f"| {name} | {rate:,} | {found['batch_s'][name]} | {slow:,} to {fast:,} | {times} |")
    lines += ["", "| stage of refine | seconds a batch |", "|---|---:|"]
    lines += [f"| {name} | {taken} |" for name, taken in found["stages_s"].items()]
    return "\n".join(lines) + "\n"

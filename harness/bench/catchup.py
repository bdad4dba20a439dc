"""`moodstream bench catchup`: the hop load with an empty ledger, against a lake of many events, on its own PostgreSQL.

Writes invented silver in versions of 50,000 rows, then calls the hop's rounds until nothing is left, in this process.
Prints the seconds, the CPU seconds of this process for a million events (the server's are not counted), and its
resident memory before the first round and after each.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psutil
import pyarrow as pa
from deltalake import write_deltalake
from pyspark.sql.pandas.types import to_arrow_schema

from harness.arguments import Parser
from harness.bench import made_up
from harness.bench.warehouse import database_server
from streaming.delta import append
from streaming.settings import Settings
from streaming.tables import catalog
from streaming.tables.columns import PARTITIONS
from streaming.warehouse.facts import TARGETS, Loader
from streaming.warehouse.postgres import PostgresWarehouse

EXAMPLES = """examples:
  moodstream bench catchup
  moodstream bench catchup --events 2000000 --json      takes a few minutes and 5 GB
"""
VERSION_ROWS = 50_000
MB = 1024 * 1024


def run(events: int, environ: Mapping[str, str], progress: Callable[[str], None]) -> dict[str, Any]:
    """Fill a lake and load it; returns the figures."""
    with database_server(environ) as (url, password), tempfile.TemporaryDirectory(prefix="moodstream-bench-") as lake:
        settings = Settings(lake=f"{lake}/lake", checkpoints=f"{lake}/checkpoints", stream="bench")
        progress(f"writing {events:,} events to silver")
        fill(settings, events)
        warehouse = PostgresWarehouse(url, password)
        warehouse.migrate()
        found = measured(Loader(settings, warehouse), progress)
        warehouse.close()
    return found


def fill(settings: Settings, events: int) -> None:
    """Append that many events to the tables of silver that the warehouse gets."""
    for name in TARGETS.values():
        append.create(settings, name, catalog.APPENDED[name], PARTITIONS)
    for _ in range(0, events, VERSION_ROWS):
        for target, rows in made_up.batch(VERSION_ROWS).items():
            schema = to_arrow_schema(catalog.APPENDED[TARGETS[target]])
            write_deltalake(settings.table(TARGETS[target]), _complete(rows, schema), mode="append")


def measured(loader: Loader, progress: Callable[[str], None]) -> dict[str, Any]:
    """Call the loader until nothing is left."""
    process = psutil.Process()
    before, cpu, began = process.memory_info().rss, _cpu(process), time.perf_counter()
    rows, rounds, resident = 0, 0, []
    while loaded := loader()["numInputRows"]:
        rows, rounds = rows + loaded, rounds + 1
        resident.append(process.memory_info().rss)
        progress(f"{rows:,} rows loaded, {resident[-1] / MB:.0f} MB resident")
    return {
        "events": rows,
        "rounds": rounds,
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_s_a_million": round((_cpu(process) - cpu) / rows * 1e6, 1),
        "rss_mb": {"before": round(before / MB), "rounds": [round(each / MB) for each in resident]},
    }


def _complete(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows with the columns of silver that an invention lacks."""
    day = dict(zip(PARTITIONS, (made_up.NOW.year, made_up.NOW.month, made_up.NOW.day), strict=True))
    columns = [
        rows[field.name]
        if field.name in rows.column_names
        else pa.array([day.get(field.name, "{}" if field.name == "raw" else None)] * rows.num_rows, field.type)
        for field in schema
    ]
    return pa.table(dict(zip(schema.names, columns, strict=True))).cast(schema)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Measure and print; returns 0. Raises LocalError."""
    parser = Parser("moodstream bench catchup", "How the hop load catches up, and in how much memory.", EXAMPLES)
    parser.add_argument("--events", type=int, default=2_000_000, metavar="N", help="default: 2000000")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    given = parser.parse_args(list(argv))

    def progress(message: str) -> None:
        sys.stderr.write(f"{message}\n")

    found = run(given.events, environ, progress)
    sys.stdout.write(json.dumps(found) + "\n" if given.json else markdown(found))
    return 0


def markdown(found: Mapping[str, Any]) -> str:
    """The result as two sentences."""
    memory = found["rss_mb"]
    rounds = ", ".join(map(str, memory["rounds"]))
    return (
        f"{found['events']:,} rows in {found['rounds']} rounds and {found['seconds']} s, {found['cpu_s_a_million']} s"
        f" of CPU for a million rows.\nResident memory: {memory['before']} MB before, {rounds} MB after the rounds.\n"
    )

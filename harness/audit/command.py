"""`moodstream audit`: compares everything that was sent with bronze, silver, rejected, gold and the warehouse."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.local import (
    aws,
    postgres,
    services,
    stack,
    workdir,
)
from deploy.local.errors import NothingToAuditError
from deploy.local.workdir import Workdir
from harness.arguments import Parser
from harness.audit.report import passed, readable

if TYPE_CHECKING:
    import psycopg
    from duckdb import DuckDBPyConnection

GOLD = (
    *("sentiment_by_minute", "sentiment_by_topic", "sentiment_by_cohort", "sentiment_by_model"),
    *("engagement_by_minute", "quality_by_minute", "terms_by_hour", "language_by_hour", "freshness"),
)
EXAMPLES = """examples:
  moodstream audit --workdir moodstream-demo
  moodstream audit --workdir moodstream-demo --json | tail -1 | python -m json.tool
  moodstream audit --workdir moodstream-demo --lake s3://moodstream-lake    a lake on its emulated S3
"""

Progress = Callable[[str, int], None]


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Audit a working directory; returns 0 if it passed, else 1. Raises LocalError."""
    options = _options(argv)
    place = workdir.existing(options.workdir)
    owner = workdir.is_held(place)
    if owner:
        sys.stderr.write(f"moodstream audit: demo {owner} is running: records still under way count as lost\n")
    report = _audit(place, options.lake, environ)
    sys.stdout.write(json.dumps(report) + "\n" if options.json else readable(report))
    return 0 if report["passed"] else 1


def _audit(place: Workdir, lake: str | None, environ: Mapping[str, str]) -> dict[str, Any]:
    if lake is None:
        return audit(place, environ, _progress)
    from harness.audit import lake as lakes

    # The emulator keeps its S3 on disk: it is started for the audit alone if it does not run.
    running = services.running(aws.NAME, place)
    emulator = aws.start(place, stack.inherited(environ), shards=1)
    try:
        with tempfile.TemporaryDirectory(prefix="lake-", dir=place.run) as copied:
            folder = lakes.copied_from_s3(aws.client("s3", emulator.endpoint), lake, Path(copied))
            return audit(replace(place, lake_folder=folder), environ, _progress)
    finally:
        if not running:
            services.stop(aws.NAME, place)


def audit(place: Workdir, environ: Mapping[str, str], progress: Progress, since: float = 0.0) -> dict[str, Any]:
    """Compare every layer with the ledger; the report's keys are described in `docs/architecture.md`.

    Latencies cover what arrived after `since` (epoch seconds); everything else covers all that the directory holds.
    Raises NothingToAuditError if nothing was sent yet. Starts the warehouse for the audit if it does not run. Memory is
    bounded; the working directory needs free disk space of the size of the tables' keys.
    """
    if not any(place.ledger.glob("*.jsonl")) or not (place.table("bronze/events") / "_delta_log").is_dir():
        raise NothingToAuditError(f"--workdir: '{place.root}' holds no ledger or no bronze/events: run a demo first")
    ran = postgres.is_running(place)
    server = postgres.start(place, environ)
    scratch = Path(tempfile.mkdtemp(prefix="audit-", dir=place.run))
    try:
        return _reconciled(place, server, scratch, progress, since)
    finally:
        shutil.rmtree(scratch)
        if not ran:
            postgres.stop(place)


def _reconciled(
    place: Workdir, server: postgres.Postgres, scratch: Path, progress: Progress, since: float
) -> dict[str, Any]:
    import psycopg

    from harness.audit import (
        gold,
        lake,
        quarantine,
        retractions,
        sent,
        silver,
    )

    connection = lake.connect(scratch)
    present = _views(connection, place)
    sent.load_ledger(connection, place.ledger, progress)
    if "erased" in present:
        sent.forget_erased(connection)
    sent.expect(connection, progress)
    quarantine.prepare(connection, there="quarantined" in present)
    retractions.prepare(connection)
    silver.prepare(connection)
    gold.prepare(connection)
    report = {
        **sent.totals(connection),
        "bronze": sent.bronze(connection),
        "silver": silver.accepted(connection),
        "rejected": silver.rejected(connection),
        "quarantined": quarantine.counts(connection),
        "duplicates_dropped": silver.duplicates_dropped(connection),
        "gold": gold.difference(connection, present),
    }
    report["silver"]["users_difference"] = silver.users_difference(connection) if "users" in present else None
    with psycopg.connect(server.url, password=server.password) as warehouse:
        report["warehouse"] = _warehouse(connection, warehouse, present)
        report["retractions"] = retractions.report(connection, warehouse, noted="retracted" in present)
    report["unfinished"] = _unfinished(place)
    report["latency_s"] = _latencies(connection, place, present, since)
    connection.close()
    return {**report, "passed": passed(report)}


def _unfinished(place: Workdir) -> list[str]:
    """Operations that stopped half-way: until they are run again, layers differ by what is left to do."""
    from streaming.corrections import journal
    from streaming.settings import Settings

    return journal.unfinished(Settings(lake=str(place.lake), checkpoints=str(place.checkpoints), stream=""))


def _views(connection: DuckDBPyConnection, place: Workdir) -> list[str]:
    """Make a view of each table that exists; returns their names. NothingToAuditError if the job never started."""
    from harness.audit import lake, silver

    names = {"bronze": "bronze/events", "rejected": "silver/rejected", "users": "silver/users"}
    names |= {"erased": "bronze/erased", "retracted": "silver/retracted", "quarantined": "silver/quarantined"}
    names |= {name: f"silver/{name}" for name in silver.TABLES} | {name: f"gold/{name}" for name in GOLD}
    present = [name for name, table in names.items() if lake.view(connection, name, place.table(table))]
    missing = [names[name] for name in ("bronze", "rejected", *silver.TABLES) if name not in present]
    if missing:
        raise NothingToAuditError(f"--workdir: '{place.root}' holds no {', '.join(missing)}: the job never started")
    return present


def _warehouse(connection: DuckDBPyConnection, server: psycopg.Connection, present: list[str]) -> dict[str, Any]:
    from harness.audit import warehouse

    found = server.execute("select to_regclass('dw.fact_post') is not null").fetchone()
    if not found or not found[0]:
        raise NothingToAuditError("the warehouse has no tables: the job's load never reached it")
    warehouse.load_facts(connection, server)
    return {
        **warehouse.facts(connection),
        "gold_difference": warehouse.gold_difference(connection, server, present),
    }


def _latencies(connection: DuckDBPyConnection, place: Workdir, present: list[str], since: float) -> dict[str, Any]:
    from harness.audit import lake, latency, silver

    for table in silver.TABLES:
        lake.commits(connection, f"{table}_commits", place.table(f"silver/{table}"))
    union = " union all ".join(f"select * from {table}_commits" for table in silver.TABLES)
    connection.execute(f"create or replace view silver_commits as {union}")
    return latency.latencies(connection, latency.job_starts(place), since, gold="freshness" in present, warehouse=True)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        "moodstream audit",
        "Compare everything that was sent with every layer. Exit code 1: something is lost, doubled or different.",
        EXAMPLES,
    )
    parser.add_argument("--workdir", default=workdir.DEFAULT, metavar="DIR", help="the demo's working directory")
    parser.add_argument("--lake", metavar="URL", help="s3:// URL of a lake on the directory's emulated S3")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser.parse_args(list(argv))


def _progress(what: str, count: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{what}: {count:,} \033[K")

"""The faults other than kills: each breaks something that the job depends on for a while, then repairs it.

A fault is a context manager. It breaks, watches the job, then yields a dictionary of what it saw; on exit it repairs.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil

from deploy.local import postgres
from deploy.local.stack import Stack, inherited
from harness.chaos import clock
from harness.chaos.proxy import S3, Proxy, Trouble
from harness.demo.job import Job

LASTS_S = 20.0
WAREHOUSE_DOWN_S = 60.0
MODEL = "moodstream-sentiment"


@dataclass(frozen=True)
class Broken:
    """The parts of the system that a fault can break."""

    services: Stack
    proxy: Proxy
    job: Job
    environ: Mapping[str, str]


Fault = Callable[[Broken], AbstractContextManager[dict[str, Any]]]


def observe(broken: Broken, seconds: float) -> dict[str, Any]:
    """Watch the hops for `seconds`; returns which stopped at some time, and which finished batches (`went_on`)."""
    before = batches(broken.job)
    stopped: set[str] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hops = broken.job.status().get("hops", {})
        stopped |= {name for name, hop in hops.items() if hop["state"] != "running"}
        time.sleep(0.2)
    after = batches(broken.job)
    return {"stopped": sorted(stopped), "went_on": sorted(name for name in after if after[name] > before.get(name, -1))}


def batches(job: Job) -> dict[str, int]:
    """The number of the last batch of each hop; -1 before its first."""
    hops = job.status().get("hops", {})
    return {name: -1 if hop["batch"] is None else hop["batch"] for name, hop in hops.items()}


@contextmanager
def warehouse_down(broken: Broken) -> Iterator[dict[str, Any]]:
    """PostgreSQL is stopped for a minute."""
    place = broken.services.workdir
    postgres.stop(place)
    try:
        yield observe(broken, WAREHOUSE_DOWN_S)
    finally:
        postgres.start(place, inherited(broken.environ))


@contextmanager
def registry_down(broken: Broken) -> Iterator[dict[str, Any]]:
    """The registry's database is locked, so that no query gets an answer."""
    with closing(sqlite3.connect(broken.services.workdir.mlflow / "mlflow.db")) as database:
        database.execute("begin exclusive")
        yield observe(broken, LASTS_S)
        database.rollback()


@contextmanager
def artefact_missing(broken: Broken) -> Iterator[dict[str, Any]]:
    """The champion alias names a version whose artefact does not exist."""
    database = sqlite3.connect(broken.services.workdir.mlflow / "mlflow.db", timeout=30)
    with closing(database):
        (version,) = database.execute(
            "select version from registered_model_aliases where name = ? and alias = 'champion'", [MODEL]
        ).fetchone()
        _point_alias_at(database, 999_999)
        try:
            yield observe(broken, LASTS_S)
        finally:
            _point_alias_at(database, version)


def _point_alias_at(database: sqlite3.Connection, version: int) -> None:
    with database:
        database.execute(
            "update registered_model_aliases set version = ? where name = ? and alias = 'champion'", [version, MODEL]
        )


@contextmanager
def disk_full(broken: Broken) -> Iterator[dict[str, Any]]:
    """Files that the job's JVM writes (checkpoints, shuffles) cannot grow."""
    python = psutil.Process(broken.job.process.pid if broken.job.process else 0)
    with files_cannot_grow([child for child in python.children(recursive=True) if child.name() == "java"]):
        yield observe(broken, LASTS_S)


@contextmanager
def files_cannot_grow(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """The kernel refuses every byte, as on a full disk: by a limit of the process, which needs no privilege (EFBIG)."""
    limits = [process.rlimit(psutil.RLIMIT_FSIZE) for process in processes]
    for process, (_, most) in zip(processes, limits, strict=True):
        process.rlimit(psutil.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        for process, limit in zip(processes, limits, strict=True):
            with suppress(psutil.NoSuchProcess):
                # Child processes started in the meantime have inherited the limit.
                for limited in (process, *process.children(recursive=True)):
                    limited.rlimit(psutil.RLIMIT_FSIZE, limit)


@contextmanager
def clock_back(broken: Broken) -> Iterator[dict[str, Any]]:
    """The wall clock of the job (Python and JVM) is set back by two days, then set right again."""
    clock.set_back(broken.services.workdir, clock.TWO_DAYS_S)
    try:
        yield observe(broken, LASTS_S)
    finally:
        clock.set_back(broken.services.workdir, 0)


def trouble(what: Trouble) -> Fault:
    """A fault of the emulated AWS, which the proxy simulates."""

    @contextmanager
    def fault(broken: Broken) -> Iterator[dict[str, Any]]:
        before = broken.proxy.broken
        broken.proxy.trouble = what
        try:
            observed = observe(broken, LASTS_S)
            yield {**observed, "requests_broken": broken.proxy.broken - before}
        finally:
            broken.proxy.trouble = None

    return fault


CLOCK_BACK = "clock_back"
GET_RECORDS = "Kinesis_20131202.GetRecords"

FAULTS: Mapping[str, Fault] = {
    "warehouse_down": warehouse_down,
    "registry_down": registry_down,
    "artefact_missing": artefact_missing,
    "kinesis_throttled": trouble(Trouble(GET_RECORDS, "ProvisionedThroughputExceededException", share=0.7)),
    "iterators_expired": trouble(Trouble(GET_RECORDS, "ExpiredIteratorException", share=0.3)),
    "kinesis_failing": trouble(Trouble(GET_RECORDS, "InternalFailure", status=500)),
    "kinesis_slow": trouble(Trouble(GET_RECORDS, status=200, delay_s=3.0)),
    "disk_full": disk_full,
    "s3_failing": trouble(Trouble(S3, "InternalError", status=500)),
    "s3_answers_lost": trouble(Trouble(S3, "InternalError", status=500, share=0.3, done=True)),
    "s3_slow": trouble(Trouble(S3, status=200, delay_s=2.0)),
    CLOCK_BACK: clock_back,
}
ON_S3 = tuple(name for name in FAULTS if name.startswith("s3_"))

"""The faults beside kills: each breaks something that the job depends on, for a while, and heals it.

A fault yields once broken; what it observed in the meantime is in the dictionary that it yields.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Any

from deploy.local import postgres
from deploy.local.chaos.proxy import Proxy, Trouble
from deploy.local.job import Job
from deploy.local.stack import Stack, inherited

LASTS_S = 20.0
WAREHOUSE_DOWN_S = 60.0
MODEL = "moodstream-sentiment"


@dataclass(frozen=True)
class Broken:
    """What a fault may break."""

    services: Stack
    proxy: Proxy
    job: Job
    environ: Mapping[str, str]


Fault = Callable[[Broken], AbstractContextManager[dict[str, Any]]]


def observe(broken: Broken, seconds: float) -> dict[str, Any]:
    """Watch the hops for so long: which stopped at some time, and which finished batches."""
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
    """The number of the last batch of each hop, -1 before the first."""
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
    """The registry's database answers nobody."""
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


def trouble(what: Trouble) -> Fault:
    """A fault of the emulated AWS, made by the proxy."""

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


GET_RECORDS = "Kinesis_20131202.GetRecords"

FAULTS: Mapping[str, Fault] = {
    "warehouse_down": warehouse_down,
    "registry_down": registry_down,
    "artefact_missing": artefact_missing,
    "kinesis_throttled": trouble(Trouble(GET_RECORDS, "ProvisionedThroughputExceededException", share=0.7)),
    "iterators_expired": trouble(Trouble(GET_RECORDS, "ExpiredIteratorException", share=0.3)),
    "kinesis_failing": trouble(Trouble(GET_RECORDS, "InternalFailure", status=500)),
    "kinesis_slow": trouble(Trouble(GET_RECORDS, status=200, delay_s=3.0)),
}

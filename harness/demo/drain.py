"""Waits until every layer has caught up with the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from deploy.local.postgres import Postgres
from deploy.local.workdir import Workdir
from harness.audit import backlog
from harness.demo.counts import Layers
from harness.demo.job import Job

WITHOUT_PROGRESS_S = 300.0
POLL_S = 0.5

Progress = Callable[[str], None]


def drain(job: Job, warehouse: Postgres, progress: Progress, patience: float = WITHOUT_PROGRESS_S) -> bool:
    """Return True once everything has arrived, False after `patience` seconds without progress.

    Raises ServiceError if the job cannot go on.
    """
    workdir = job.stack.workdir
    waiting = backlog.newest(workdir)
    last: Any = None
    end = time.monotonic() + patience
    while time.monotonic() < end:
        job.check()
        waiting = backlog.not_in_bronze(workdir, waiting) if waiting else waiting
        left = unfinished(workdir, warehouse, waiting)
        if not left:
            return True
        if (left, _work(job)) != last:
            last, end = (left, _work(job)), time.monotonic() + patience
        progress("draining: " + ", ".join(left))
        time.sleep(POLL_S)
    return False


def unfinished(workdir: Workdir, warehouse: Postgres, waiting: Collection[str] = ()) -> list[str]:
    """Describe what is still under way; a layer is checked only when the layers before it are done.

    `waiting`: the newest sequence numbers that are not in bronze.
    """
    if waiting:
        return [f"{len(waiting)} shard(s) not yet in bronze"]
    behind = backlog.unread(workdir)
    if behind:
        return [f"{query} {count} commit(s) behind" for query, count in behind.items()]
    unserved = backlog.unserved(workdir, served(warehouse))
    return [f"warehouse behind {len(unserved)} gold table(s)"] if unserved else []


def served(warehouse: Postgres) -> dict[str, int]:
    """The highest batch id of each query that loads the warehouse; empty while the warehouse does not answer."""
    import psycopg

    try:
        with psycopg.connect(warehouse.url, password=warehouse.password, connect_timeout=5) as connection:
            return dict(connection.execute("select query, max(batch_id) from dw.load_ledger group by query").fetchall())
    except psycopg.Error:
        return {}


def loaded(warehouse: Postgres) -> int:
    """Facts and profile changes in the warehouse, by its ledger; 0 while the warehouse does not answer."""
    import psycopg

    query = "select coalesce(sum(rows), 0) from dw.load_ledger where query like 'load/%'"
    try:
        with psycopg.connect(warehouse.url, password=warehouse.password, connect_timeout=2) as connection:
            row = connection.execute(query).fetchone()
    except psycopg.Error:
        return 0
    return int(row[0]) if row else 0


def rows(layers: Layers, warehouse: Postgres) -> dict[str, int]:
    """The rows of each layer, of all runs of the working directory."""
    return {
        "bronze": layers.bronze(),
        "silver": layers.silver(),
        "rejected": layers.rejected(),
        "gold": layers.freshness().get("total", 0),
        "warehouse": loaded(warehouse),
    }


def _work(job: Job) -> Any:
    """Batch and rows of each hop that processes rows: they change while a hop works, and not while it keeps failing."""
    hops = job.status().get("hops", {})
    return {name: (hop.get("batch"), hop.get("input_rows")) for name, hop in hops.items() if hop.get("input_rows")}

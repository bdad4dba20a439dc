"""Looks at a lake's logs, its lease, and at the job's status file or metrics; writes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deltalake.exceptions import TableNotFoundError

from deploy.local.errors import UsageError
from streaming.delta.tables import open_table, recent
from streaming.files import Files
from streaming.lease.storage import NAME as LEASE
from streaming.lease.storage import SignOfLife
from streaming.settings import HOPS, Settings
from streaming.tables import catalog, gold_freshness

BRONZE = "bronze/events"
# Clocks differ, and S3 shows whole seconds: a sign of life counts as fresh for so many terms of its owner.
TERMS = 2
# HopStates measures every half minute.
METRICS_OF = timedelta(minutes=3)
STATES = ("HopFailed", "HopStalled", "HopState")


def look(settings: Settings, hops: Mapping[str, Mapping[str, Any]], now: datetime) -> dict[str, Any]:
    """Tables (rows, last commit), the owner of the lease, gold's lag in seconds, and `hops` as given.

    Raises UsageError if there is no lake.
    """
    names = sorted([*catalog.APPENDED, *(table.name for table in catalog.KEYED)])
    tables = {name: found for name in names if (found := _table(settings, name))}
    if BRONZE not in tables:
        raise UsageError(f"--lake: {settings.lake} has no table {BRONZE}; expected the lake of a job that has started")
    batches = recent(settings, gold_freshness.TABLE, now - timedelta(hours=1), now)
    newest = max(batches, key=lambda row: row["committed_at"], default=None)
    return {
        "lake": settings.lake,
        "tables": tables,
        "owner": _owner(settings, now),
        "hops": dict(hops),
        "gold_lag_s": newest["lag_p50_s"] if newest else None,
    }


def hops_of_file(path: Path) -> dict[str, dict[str, Any]]:
    """The hops of a job's status file; raises UsageError if it cannot be read."""
    try:
        hops: dict[str, dict[str, Any]] = json.loads(path.read_text())["hops"]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"--status-file: {path} is no status file of a job: {error}") from error
    return hops


def hops_of_metrics(cloudwatch: Any, namespace: str, now: datetime) -> dict[str, dict[str, Any]]:
    """The hops' states by the metrics of the last minutes; a hop without metrics is left out.

    `cloudwatch`: a boto3 client. Passes on what it raises.
    """
    names = {f"m{number}": (hop, metric) for number, (hop, metric) in enumerate((h, m) for h in HOPS for m in STATES)}
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[_query(each, namespace, *of) for each, of in names.items()],
        StartTime=now - METRICS_OF,
        EndTime=now,
    )
    newest = {names[each["Id"]]: each["Values"][0] for each in answer["MetricDataResults"] if each["Values"]}
    return {hop: {"state": _state(hop, newest)} for hop in HOPS if any((hop, metric) in newest for metric in STATES)}


def _query(identity: str, namespace: str, hop: str, metric: str) -> dict[str, Any]:
    dimensions = [{"Name": "Hop", "Value": hop}]
    stat = {"Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}, "Period": 60}
    return {"Id": identity, "MetricStat": {**stat, "Stat": "Maximum"}}


def _state(hop: str, newest: Mapping[tuple[str, str], float]) -> str:
    if newest.get((hop, "HopFailed")):
        return "failed"
    if newest.get((hop, "HopStalled")):
        return "stalled"
    return "running" if newest.get((hop, "HopState")) else "starting"


def _table(settings: Settings, name: str) -> dict[str, Any] | None:
    try:
        table = open_table(settings, name)
    except TableNotFoundError:
        return None
    [last] = table.history(1)
    counts = table.get_add_actions(flatten=True).column("num_records").to_pylist()
    at = datetime.fromtimestamp(last["timestamp"] / 1000, UTC)
    return {"rows": sum(count or 0 for count in counts), "committed_at": at.isoformat(timespec="seconds")}


def _owner(settings: Settings, now: datetime) -> dict[str, Any] | None:
    """Who wrote the newest sign of life, and whether it still holds; None if nobody ever did."""
    files, folder = Files(settings), f"{settings.table(LEASE)}/owners"
    newest = max(files.below(folder), key=lambda found: found.modified, default=None)
    if newest is None:
        return None
    sign = SignOfLife.from_json(files.read_json(f"{folder}/{newest.name}"))
    age = now.timestamp() - newest.modified
    return {"name": str(sign.owner), "alive": not sign.released and age < TERMS * sign.term, "seen_s": round(age, 1)}

"""`python -m deploy.airflow.checks`: quality and drift of the lake's gold tables, as one JSON object.

Drift is the population stability index between the shares of the three sentiments in the last hours and in the seven
days before: 0 is the same mix, 0.1 a small shift, over 0.2 one worth retraining for. Missing tables count as empty.

Packed into the training environment as the module `checks`, so it imports nothing of this repository.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

LABELS = ("negative", "neutral", "positive")
REFERENCE = timedelta(days=7)
FLOOR = 1e-4  # an empty class would make the index infinite


def stability_index(now: Mapping[str, float], before: Mapping[str, float]) -> float:
    """Population stability index of two distributions over LABELS; 0 if either is empty."""
    if not now or not before:
        return 0.0
    pairs = [(max(now[label], FLOOR), max(before[label], FLOOR)) for label in LABELS]
    return sum((new - old) * math.log(new / old) for new, old in pairs)


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Counts by label as shares; empty if there are none."""
    total = sum(counts.values())
    return {label: counts[label] / total for label in LABELS} if total else {}


def measure(lake: str, now: datetime, hours: int) -> dict[str, Any]:
    """What the workflow wants to know about the `hours` before `now`."""
    since = now - timedelta(hours=hours)
    sentiment = _rows(lake, "gold/sentiment_by_minute", "minute", since - REFERENCE, now)
    recent = [row for row in sentiment if row["minute"] >= since]
    earlier = [row for row in sentiment if row["minute"] < since]
    quality = _rows(lake, "gold/quality_by_minute", "minute", since, now)
    records = sum(row["events"] for row in quality)
    rejected = sum(row["events"] for row in quality if row["entity"] == "rejected")
    late = sum(row["late"] for row in quality)
    mix = shares(_sums(recent))
    return {
        "hours": hours,
        "events": sum(row["events"] for row in recent),
        "shares": mix,
        "drift": stability_index(mix, shares(_sums(earlier))),
        "rejected_share": rejected / records if records else 0.0,
        "late_share": late / records if records else 0.0,
    }


def _sums(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {label: sum(row[label] for row in rows) for label in LABELS}


def _rows(lake: str, table: str, column: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    try:
        found = DeltaTable(f"{lake}/{table}")
    except TableNotFoundError:
        return []
    rows = found.to_pyarrow_table(filters=[(column, ">=", since), (column, "<", until)])
    result: list[dict[str, Any]] = rows.to_pylist()
    return result


def main() -> int:
    """Measure and write one line of JSON; 2 on wrong use."""
    parser = argparse.ArgumentParser(prog="checks", description="Quality and drift of gold, as JSON.")
    parser.add_argument("--lake", required=True, help="folder or s3:// URL")
    parser.add_argument("--now", required=True, help="ISO 8601, with its offset")
    parser.add_argument("--hours", type=int, default=24, help="how far back (default: %(default)s)")
    given = parser.parse_args()
    now = datetime.fromisoformat(given.now)
    now = now if now.tzinfo else now.replace(tzinfo=UTC)
    sys.stdout.write(json.dumps(measure(given.lake, now, given.hours)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

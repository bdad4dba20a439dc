"""`python -m deploy.airflow.checks`: quality and drift of the lake, as one JSON object.

Two kinds of drift. `drift` is the population stability index between the shares of the three sentiments in the last
hours and in the seven days before: 0 is the same mix, over 0.2 one worth retraining for. `model` is the champion's own
judgement of recent texts against those that it was judged on: it carries the functions with it. `request` is what the
running stream asked for and no training has answered yet. Missing tables count as empty, and without a registry or a
champion `model` and `request` are null.

Packed into the training environment as the module `checks`, so it imports nothing of this repository.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

LABELS = ("negative", "neutral", "positive")
REFERENCE = timedelta(days=7)
FLOOR = 1e-4  # an empty class would make the index infinite
TEXTS = 5_000  # are enough for a histogram, and take a second
MODEL = "moodstream-sentiment"


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
    """What gold says about the `hours` before `now`."""
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


def judge(champion: Any, texts: list[str]) -> dict[str, Any]:
    """How far texts have moved from what a model was judged on: distances, and what changed, in words (or null)."""
    distances = champion.drift(champion.profile(texts))
    found = champion.diagnose(distances, len(texts))
    kind, sentence = found or (None, None)
    rounded = {name: round(value, 4) for name, value in distances.items()}
    return {"texts": len(texts), "distances": rounded, "changed": kind, "diagnosis": sentence}


def recent_texts(lake: str, since: datetime, until: datetime, most: int = TEXTS) -> list[str]:
    """The latest texts of posts and comments between two moments, at most so many."""
    found: list[tuple[datetime, str]] = []
    for table in ("silver/posts", "silver/comments"):
        rows = _rows(lake, table, "event_time", since, until, columns=["event_time", "text"])
        found += [(row["event_time"], row["text"]) for row in rows]
    return [text for _, text in sorted(found)[-most:]]


def open_request(tags: Mapping[str, str]) -> dict[str, Any] | None:
    """The request for a new model among a registered model's tags (cause, version, why, requested_at), unless answered.

    The stream's hop `observe` leaves it, `moodstream model train` answers it.
    """
    asked = json.loads(tags.get("retraining_request", "null"))
    answered = json.loads(tags.get("retraining_answer", "null")) or {}
    return None if asked is None or answered.get("requested_at") == asked["requested_at"] else dict(asked)


def request_at(uri: str) -> dict[str, Any] | None:
    """The open request of a registry; None where there is no model either."""
    import mlflow

    client = mlflow.MlflowClient(uri, uri)
    try:
        return open_request(client.get_registered_model(MODEL).tags)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def champion_at(uri: str) -> Any:
    """The champion of a registry with its drift functions, or None where there is none."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        return mlflow.pyfunc.load_model(f"models:/{MODEL}@champion").unwrap_python_model()
    except mlflow.exceptions.MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _sums(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {label: sum(row[label] for row in rows) for label in LABELS}


def _rows(
    lake: str, table: str, column: str, since: datetime, until: datetime, columns: list[str] | None = None
) -> list[dict[str, Any]]:
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    try:
        found = DeltaTable(f"{lake}/{table}")
    except TableNotFoundError:
        return []
    days = [(since + timedelta(days=day)).date() for day in range((until.date() - since.date()).days + 1)]
    # Each day's partition by name, so that older ones are not even listed.
    parts = [[("year", "=", day.year), ("month", "=", day.month), ("day", "=", day.day)] for day in days]
    filters: Any = [[*part, (column, ">=", since), (column, "<", until)] for part in parts]
    rows = found.to_pyarrow_table(columns=columns, filters=filters)
    result: list[dict[str, Any]] = rows.to_pylist()
    return result


def main() -> int:
    """Measure and write one line of JSON; 2 on wrong use."""
    parser = argparse.ArgumentParser(prog="checks", description="Quality and drift of the lake, as JSON.")
    parser.add_argument("--lake", required=True, help="folder or s3:// URL")
    parser.add_argument("--now", required=True, help="ISO 8601, with its offset")
    parser.add_argument("--hours", type=int, default=24, help="how far back (default: %(default)s)")
    parser.add_argument("--mlflow-uri", default=os.environ.get("MLFLOW_TRACKING_URI"), help="the champion's registry")
    given = parser.parse_args()
    now = datetime.fromisoformat(given.now)
    now = now if now.tzinfo else now.replace(tzinfo=UTC)
    measured = measure(given.lake, now, given.hours)
    champion = champion_at(given.mlflow_uri) if given.mlflow_uri else None
    texts = recent_texts(given.lake, now - timedelta(hours=given.hours), now) if champion else []
    measured["model"] = judge(champion, texts) if champion else None
    measured["request"] = request_at(given.mlflow_uri) if given.mlflow_uri else None
    sys.stdout.write(json.dumps(measured) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

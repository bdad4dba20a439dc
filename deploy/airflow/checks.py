"""`python -m deploy.airflow.checks`: quality and drift of the lake, as one JSON object.

There are two measures of drift. `drift` is the population stability index of the shares of the three sentiments, in
the last hours against the seven days before: 0 means the same shares, over 0.2 is a change of mood to report.
`model` compares recent texts with those of as many hours before, by functions of the champion's artefact.
`request` is the running stream's request for a new model, if no training has answered it. A missing table counts as an
empty one; without a registry or a champion, `model` and `request` are null; so is `model` for a champion that has no
functions for drift.

The training environment contains this file as the module `checks`, so it imports nothing of this repository.
"""

from __future__ import annotations

import argparse
import inspect
import json
import math
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

LABELS = ("negative", "neutral", "positive")
REFERENCE = timedelta(days=7)
FLOOR = 1e-4  # stands for a share of 0, which would make the index infinite
MAX_TEXTS = 5_000  # enough for a histogram; profiling them lasts a second
MIN_TEXTS = 200  # a profile of fewer texts is too noisy to compare
MODEL = "moodstream-sentiment"


def stability_index(now: Mapping[str, float], before: Mapping[str, float]) -> float:
    """Population stability index of two distributions over LABELS; 0 if either is empty."""
    if not now or not before:
        return 0.0
    pairs = [(max(now[label], FLOOR), max(before[label], FLOOR)) for label in LABELS]
    return sum((new - old) * math.log(new / old) for new, old in pairs)


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """The share of each label; empty if nothing was counted."""
    total = sum(counts.values())
    return {label: counts[label] / total for label in LABELS} if total else {}


def measure(lake: str, now: datetime, hours: int) -> dict[str, Any]:
    """Counts, shares and drift of the `hours` before `now`, from the gold tables."""
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


def model_drift(champion: Any, texts: list[str], earlier: list[str]) -> dict[str, Any] | None:
    """The distances of texts from earlier ones; what changed, with a sentence, or null.

    Nothing is compared with fewer than MIN_TEXTS texts, or by a version of a release that knew only its training texts.
    None for a champion without the drift functions of the model's contract: it can serve, but not be measured.
    """
    if not all(hasattr(champion, name) for name in ("profile", "drift", "diagnose")):
        return None
    too_old = "reference" not in inspect.signature(champion.drift).parameters
    if too_old or min(len(texts), len(earlier)) < MIN_TEXTS:
        return {"texts": len(texts), "distances": {}, "changed": None, "diagnosis": None}
    distances = champion.drift(champion.profile(texts), champion.profile(earlier))
    found = champion.diagnose(distances, len(texts))
    kind, sentence = found or (None, None)
    rounded = {name: round(value, 4) for name, value in distances.items()}
    return {"texts": len(texts), "distances": rounded, "changed": kind, "diagnosis": sentence}


def recent_texts(lake: str, since: datetime, until: datetime, most: int = MAX_TEXTS) -> list[str]:
    """The texts of posts and comments between two times; the latest ones if there are more than `most`."""
    found: list[tuple[datetime, str]] = []
    for table in ("silver/posts", "silver/comments"):
        rows = _rows(lake, table, "event_time", since, until, columns=["event_time", "text"])
        found += [(row["event_time"], row["text"]) for row in rows]
    return [text for _, text in sorted(found)[-most:]]


def open_request(tags: Mapping[str, str]) -> dict[str, Any] | None:
    """The request for a new model among a registered model's tags (cause, version, why, requested_at), unless answered.

    The hop `observe` writes the request, `moodstream model train` the answer (docs/architecture.md).
    """
    asked = json.loads(tags.get("retraining_request", "null"))
    answered = json.loads(tags.get("retraining_answer", "null")) or {}
    return None if asked is None or answered.get("requested_at") == asked["requested_at"] else dict(asked)


def request_at(uri: str) -> dict[str, Any] | None:
    """The open request in a registry; None if there is none, or no such model."""
    import mlflow

    client = mlflow.MlflowClient(uri, uri)
    try:
        return open_request(client.get_registered_model(MODEL).tags)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def champion_at(uri: str) -> Any:
    """The champion of a registry, with its drift functions; None if there is none."""
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
    # The partition of each day by name: files of older days are not even listed.
    parts = [[("year", "=", day.year), ("month", "=", day.month), ("day", "=", day.day)] for day in days]
    filters: Any = [[*part, (column, ">=", since), (column, "<", until)] for part in parts]
    rows = found.to_pyarrow_table(columns=columns, filters=filters)
    result: list[dict[str, Any]] = rows.to_pylist()
    return result


def main() -> int:
    """Measure, and write one line of JSON; the exit code is 2 for wrong use."""
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
    measured["model"] = None
    if champion:
        since = now - timedelta(hours=given.hours)
        earlier = recent_texts(given.lake, since - timedelta(hours=given.hours), since)
        measured["model"] = model_drift(champion, recent_texts(given.lake, since, now), earlier)
    measured["request"] = request_at(given.mlflow_uri) if given.mlflow_uri else None
    sys.stdout.write(json.dumps(measured) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

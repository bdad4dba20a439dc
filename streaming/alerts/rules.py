"""Alert rules over rows of gold and the job's status. Pure: rows and a time in, alerts out.

These rules are about the system itself. What happens in the stream is found by `streaming/alerts/detection`. Times have
a time zone; shares are fractions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Row = Mapping[str, Any]

RECENT = timedelta(minutes=5)
BASELINE = timedelta(minutes=60)

REJECTED_EVENTS = 20
REJECTED_SHARE = 0.05
REJECTED_TIMES = 3.0
# The limit where the last hour has no rows to compare with.
REJECTED_SHARE_ALONE = 0.5

LAG_S = 120.0
LAG_BATCHES = 3

# A hop without new rows finishes no batch either, so a hop counts as stalled only if the hop before it finished batches
# for this long.
STALLED_AFTER = timedelta(minutes=5)
BEFORE: Mapping[str, str] = {
    "refine": "ingest",
    "aggregate": "refine",
    "upsert": "refine",
    "load": "refine",
    "serve": "aggregate",
    "retract": "refine",
}
RESTARTS = 3

# Quarantined rows wait until somebody replays them; an alert about them is sent at most twice.
QUARANTINE_QUIET = timedelta(hours=1)
QUARANTINE_WINDOW = 2 * QUARANTINE_QUIET
QUARANTINE_NAMED = 5

# Drift lasts for hours and days, so its alert is repeated less often than others.
DRIFT_QUIET = timedelta(days=1)
DRIFT_WINDOW = timedelta(hours=1)
DRIFT_MEASURES = ("psi_label", "psi_polarity", "psi_length", "novelty")
WHAT_CHANGED: Mapping[str, str] = {
    "data": (
        "The texts differ from those of the stream's first day. A new model has been requested; label some of the new "
        "texts (`moodstream model train --feedback`), or it will learn from the same labels as this one."
    ),
    "audience": "The texts are as before, their sentiment is not. This is news, no fault: see gold/sentiment_by_topic.",
    "model": (
        "The texts are as before, the model version is new. Compare it with the former one (`moodstream rescore`), or "
        "return to that (`moodstream model rollback`)."
    ),
}


@dataclass(frozen=True)
class Alert:
    """A message about `subject`. For the time `quiet` after it, no alert of the same rule and subject is sent.

    `sms` is its short form, and `data` its form for programs; without them every subscriber gets `text`.
    """

    rule: str
    subject: str
    text: str
    quiet: timedelta = timedelta(minutes=30)
    sms: str = ""
    data: Mapping[str, Any] | None = None

    @property
    def identity(self) -> str:
        """Rule and subject, by which an alert is found among those that were sent."""
        return f"{self.rule}/{self.subject}"


def rejected_jump(rows: Iterable[Row], now: datetime) -> list[Alert]:
    """An alert if the share of rejected events is far above the last hour's. `rows`: of gold/quality_by_minute."""
    recent, before = _split(rows, lambda _: "all", now)
    last, past = recent["all"], before["all"]
    share, rejected = _rejected_share(last)
    usual, _ = _rejected_share(past)
    limit = max(REJECTED_SHARE, REJECTED_TIMES * usual) if past else REJECTED_SHARE_ALONE
    if rejected < REJECTED_EVENTS or share < limit:
        return []
    reasons: dict[str, int] = defaultdict(int)
    for row in last:
        reasons[row["reason"]] += row["events"] if row["entity"] == "rejected" else 0
    worst = max(reasons, key=lambda reason: reasons[reason])
    text = (
        f"{share:.0%} of the events of the last 5 minutes were rejected ({rejected}), {usual:.1%} is usual for the "
        f"last hour. Most of them: {worst} ({reasons[worst]}). Look at silver/rejected (`moodstream rejected list`)."
    )
    return [Alert("rejected_jump", "rejected", text)]


def _rejected_share(rows: Iterable[Row]) -> tuple[float, int]:
    rejected, events = 0, 0
    for row in rows:
        events += row["events"]
        rejected += row["events"] if row["entity"] == "rejected" else 0
    return (rejected / events if events else 0.0), rejected


def stale_gold(rows: Iterable[Row]) -> list[Alert]:
    """An alert if at least half of the events of each of the newest batches were old. `rows`: of gold/freshness."""
    newest = sorted(rows, key=lambda row: row["committed_at"])[-LAG_BATCHES:]
    if len(newest) < LAG_BATCHES or min(row["lag_p50_s"] for row in newest) < LAG_S:
        return []
    text = (
        f"Gold lags behind: half of the events of each of the last {LAG_BATCHES} batches were older than "
        f"{min(row['lag_p50_s'] for row in newest):.0f} s (limit {LAG_S:.0f} s). Look at the batch times of ingest, "
        f"refine and aggregate (`moodstream status --lake LAKE`): the slowest hop delays the others."
    )
    return [Alert("stale_gold", "gold", text)]


def hop_trouble(hops: Mapping[str, Row]) -> list[Alert]:
    """Alerts for hops that failed for good, restart repeatedly, or have stalled. `hops`: as in the status file."""
    alerts = []
    for name, hop in hops.items():
        if hop["state"] == "failed":
            alerts.append(_hop("hop_failed", name, f"failed for good and is not restarted: {hop['error']}."))
        elif hop["state"] == "waiting" and hop["restarts"] >= RESTARTS:
            alerts.append(_hop("hop_restarting", name, f"was restarted {hop['restarts']} times: {hop['error']}."))
        elif hop["state"] == "running" and _stalled(hop, hops.get(BEFORE.get(name, ""), {})):
            what = f"has finished no batch since {hop['last_batch_at']}, although {BEFORE[name]} has."
            alerts.append(_hop("hop_stalled", name, what))
    return alerts


def model_refused(refused: Mapping[str, str]) -> list[Alert]:
    """Alerts for champions that the job refused to load. `refused`: the reason by version."""
    return [
        Alert("model_refused", f"version {version}", f"The former champion still serves. {why}")
        for version, why in refused.items()
    ]


def challenger_refused(refused: Mapping[str, str]) -> list[Alert]:
    """Alerts for challengers that shadow scoring refused to load. `refused`: the reason by version."""
    return [
        Alert("challenger_refused", f"version {version}", f"The champion still serves; no promotion is possible. {why}")
        for version, why in refused.items()
    ]


def rows_quarantined(rows: Iterable[Row]) -> list[Alert]:
    """Hops that left rows out of their batches. `rows`: of silver/quarantined, of the last QUARANTINE_WINDOW."""
    by_hop: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_hop[row["hop"]].append(row)
    return [Alert("rows_quarantined", hop, _quarantined(hop, own), QUARANTINE_QUIET) for hop, own in by_hop.items()]


def _quarantined(hop: str, rows: Sequence[Row]) -> str:
    named = ", ".join(f"{row['table_name']} {row['key']}" for row in rows[:QUARANTINE_NAMED])
    more = "" if len(rows) <= QUARANTINE_NAMED else " and others"
    return (
        f"Hop {hop} left {len(rows)} rows out of its batches, which failed because of them: {named}{more}. The rest "
        f"went on. Look at the errors with `moodstream quarantined list --hop {hop}`; after a fix bring the rows back "
        f"with `moodstream quarantined replay --hop {hop}`."
    )


def drift(rows: Iterable[Row], now: datetime) -> list[Alert]:
    """Alerts for versions that drifted in their newest hour: this hour or the last. `rows`: of gold/drift_by_hour."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    newest: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row["hour"]):
        if hour - DRIFT_WINDOW <= row["hour"] <= now:
            newest[row["model_version"]] = row
    return [_drift(row) for row in newest.values() if row["changed"] is not None]


def _drift(row: Row) -> Alert:
    changed, version = row["changed"], row["model_version"]
    # A version may compute fewer distances than another.
    distances = [f"{name} {row[name]:.2f}" for name in DRIFT_MEASURES if row[name] is not None]
    text = (
        f"The {changed} changed: {row['diagnosis']}. Of {row['texts']} texts of the hour from "
        f"{row['hour']:%Y-%m-%d %H:%M} UTC that version {version} scored, against the stream's own first day: "
        f"{', '.join(distances)} (0.25 is too much for a psi, 0.10 for the novelty, the rise of unknown words). "
        f"{WHAT_CHANGED.get(changed, '')}"
    )
    return Alert("drift", f"{changed}, version {version}", text.rstrip(), DRIFT_QUIET)


def _hop(rule: str, name: str, what: str) -> Alert:
    return Alert(
        rule, name, f"Hop {name} {what} The other hops run. Look at the job's log and `moodstream status --lake LAKE`."
    )


def _stalled(hop: Row, before: Row) -> bool:
    last, newest = hop.get("last_batch_at"), before.get("last_batch_at")
    if not last or not newest:
        return False
    return datetime.fromisoformat(newest) - datetime.fromisoformat(last) >= STALLED_AFTER


def not_repeated(alerts: Sequence[Alert], sent: Mapping[str, float], now: datetime) -> list[Alert]:
    """The alerts that were not sent within their quiet time. `sent`: POSIX times by identity."""
    return [
        alert
        for alert in alerts
        if sent.get(alert.identity, float("-inf")) < now.timestamp() - alert.quiet.total_seconds()
    ]


def _split(
    rows: Iterable[Row], subject: Callable[[Row], str], now: datetime
) -> tuple[dict[str, list[Row]], dict[str, list[Row]]]:
    """Rows of the last minutes and of the hour before them, by subject; rows with a time in the future are left out."""
    recent: dict[str, list[Row]] = defaultdict(list)
    before: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        age = now - row["minute"]
        if timedelta(0) <= age < RECENT:
            recent[subject(row)].append(row)
        elif RECENT <= age < RECENT + BASELINE:
            before[subject(row)].append(row)
    return recent, before

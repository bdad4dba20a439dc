"""Decides the state of the pipeline from the job's status of its hops and from gold's lag."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from deploy.dashboard.view import View
from streaming.alerts import rules

LAG_GOAL_S = 30.0  # an event should be in gold within half a minute
SILENT = timedelta(minutes=10)


@dataclass(frozen=True)
class Light:
    """One word for the state, its reason, and the current alerts about hops."""

    word: str
    reason: str
    alerts: list[str] = field(default_factory=list)


def light(view: View) -> Light:
    """The pipeline's state. A job that an operator stopped is no trouble; a stream without new texts is reported."""
    hops = view.lake.status().get("hops", {})
    alerts = [alert.text for alert in rules.hop_trouble(hops)]
    if alerts:
        return Light("Trouble", alerts[0][:60], alerts)
    lag = newest_lag(view)
    age = datetime.now(UTC) - view.until
    if age > SILENT:
        return Light("Quiet", f"no text for {age.total_seconds() / 60:,.0f} min")
    if lag is None:
        return Light("Starting", "no batch of gold yet")
    return Light("Well" if lag <= LAG_GOAL_S else "Behind", f"gold lags {lag:.0f} s (p95)")


def newest_lag(view: View) -> float | None:
    """The 95th percentile of the lag of gold's last batch, in seconds."""
    lags = view.lake.rows(
        "gold/freshness", "committed_at", (view.until - timedelta(hours=1)).replace(second=0, microsecond=0)
    )
    return None if lags.empty else float(lags.sort_values("committed_at").iloc[-1]["lag_p95_s"])

"""One sentence about a lake's state, and what to do next: pure functions of what was found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

# The alert `hop_stalled` waits as long.
SILENT = timedelta(minutes=5)
LATE_S = 120.0


class Verdict(NamedTuple):
    """`state`: ok, idle, behind, trouble or stopped."""

    state: str
    why: str
    next_step: str


def verdict(found: Mapping[str, Any], now: datetime) -> Verdict:
    """The most urgent thing about a lake. `found`: as `lake.look` returns it; `now`: an aware time."""
    owner = found["owner"]
    if owner is None or not owner["alive"]:
        who = f"; the last one was {owner['name']}" if owner else ""
        return Verdict("stopped", f"no job writes this lake{who}", "start it: docs/runbook.md, no-metrics")
    if bad := {name: hop for name, hop in found["hops"].items() if hop["state"] in ("failed", "waiting", "stalled")}:
        said = "; ".join(f"{name} is {hop['state']}{_because(hop)}" for name, hop in bad.items())
        return Verdict("trouble", said, "read the job's log: docs/runbook.md, hop-failed")
    bronze = found["tables"]["bronze/events"]
    silver = max(
        (table for name, table in found["tables"].items() if name.startswith("silver/")),
        key=lambda table: str(table["committed_at"]),
        default=None,
    )
    if _silent(bronze, now):
        step = "see whether the producers send: docs/runbook.md, stream-write-throttled"
        return Verdict("idle", f"bronze has had no new record since {bronze['committed_at']}", step)
    lag, step = found["gold_lag_s"], "look at the batch times: docs/runbook.md, hop-lag"
    if silver is None or _silent(silver, now):
        since = f"since {silver['committed_at']}" if silver else "ever"
        return Verdict("behind", f"silver has had no new row {since}, though bronze has new records", step)
    if lag is None or lag > LATE_S:
        said = "gold has no batch of the last hour" if lag is None else f"half of gold's last batch was {lag:.0f} s old"
        return Verdict("behind", said, step)
    return Verdict("ok", f"records flow, half of gold's last batch was {lag:.0f} s old or less", "nothing to do")


def _because(hop: Mapping[str, Any]) -> str:
    return f" ({hop['error']})" if hop.get("error") else ""


def _silent(table: Mapping[str, Any], now: datetime) -> bool:
    return now - datetime.fromisoformat(table["committed_at"]) > SILENT

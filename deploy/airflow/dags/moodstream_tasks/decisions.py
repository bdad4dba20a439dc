"""The workflow's decisions and messages, as pure functions of the commands' results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moodstream_tasks.errors import DataUnfit
from moodstream_tasks.settings import Settings


def reasons_to_train(checks: Mapping[str, Any], settings: Settings, *, forced: bool, has_model: bool) -> list[str]:
    """The reasons to train now; empty if there are none. Raises DataUnfit if the data must not be trained on."""
    rejected = checks["rejected_share"]
    if rejected > settings.rejected_limit:
        raise DataUnfit(
            f"{rejected:.1%} of the records were rejected, over the limit of {settings.rejected_limit:.1%}: "
            "find the producer that breaks the contract first (moodstream rejected list)"
        )
    reasons = []
    if forced:
        reasons.append("asked for")
    if not has_model:
        reasons.append("no champion yet")
    # Another sentiment of similar texts (`checks["drift"]`) is news: a new model would read those texts the same way.
    drift = checks.get("model") or {}
    if drift.get("changed") == "data":
        reasons.append(str(drift["diagnosis"]))
    if asked := checks.get("request"):
        reasons.append(f"asked for by the stream: {asked['why']}")
    return reasons


def retraining_message(
    *,
    reasons: list[str],
    trained: Mapping[str, Any] | None,
    promoted: Mapping[str, Any] | None,
    evaluated: Mapping[str, Any] | None = None,
) -> tuple[str, str]:
    """Subject and text of the message after a run."""
    if not reasons:
        return (
            "Moodstream: no retraining needed",
            "The texts are of the same kind as before; the champion stays.",
        )
    because = "Retrained because: " + "; ".join(reasons) + "."
    if trained is None:
        return "Moodstream: retraining failed", f"{because}\nNo version was registered; see the task's log."
    number = trained.get("version", "?")
    if evaluated:
        because += f"\nOn {evaluated['rows']:,} labelled texts it reaches macro-F1 {evaluated['macro_f1']:.3f}."
    if promoted is None or promoted.get("refused"):
        why = (promoted or {}).get("refused", "the run ended before the gates")
        return f"Moodstream: version {number} was not promoted", f"{because}\nThe champion stays: {why}"
    return f"Moodstream: version {number} is champion", f"{because}\nThe running stream takes it within two batches."


def report_message(day: str, written: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and text of the message that a day's report in pictures is there."""
    net, margin = 100 * written["net_sentiment"], 100 * written["margin"]
    lines = [
        str(written["summary"]),
        f"{written['texts']:,} texts, net sentiment {net:+.0f} ±{margin:.0f}",
        f"With plots, word clouds, cohorts and posts, one file to download and open: {written['file']}",
    ]
    return f"Moodstream: the report of {day}", "\n".join(lines)


def daily_message(day: str, checks: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and text of the daily report."""
    shares = ", ".join(f"{share:.0%} {label}" for label, share in checks["shares"].items())
    lines = [
        f"{checks['events']:,} posts and comments in {checks['hours']} h: {shares or 'nothing to count'}",
        f"rejected {checks['rejected_share']:.2%}, late {checks['late_share']:.2%}, drift {checks['drift']:.2f}",
    ]
    return f"Moodstream: {day}", "\n".join(lines)

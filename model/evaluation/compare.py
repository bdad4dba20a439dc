"""`moodstream model evaluate`: a version against the baselines on any labelled CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from model.champion import Champion
from model.evaluation import metrics
from model.evaluation.baselines import BASELINES
from model.runtime import LABELS


def evaluate(champion: Champion, rows: Sequence[tuple[str, str]], say: Callable[[str], None]) -> dict[str, Any]:
    """Judge on (text, label) rows: metrics.summary with intervals, and the same of each baseline.

    `gain` is the champion's macro-F1 minus the baseline's, with the 95 % interval of a paired bootstrap.
    """
    texts = [text for text, _ in rows]
    truth = np.array([LABELS.index(label) for _, label in rows])
    say(f"scoring {len(rows)} texts with version {champion.version}")
    ours = champion.scorer.score(texts).label
    report: dict[str, Any] = {"rows": len(rows), **metrics.summary(truth, ours)}
    report["macro_f1_interval"] = metrics.interval(truth, ours)
    report["model_version"] = champion.version
    report["baselines"] = {}
    for name, predict in BASELINES.items():
        say(f"scoring them with {name}")
        theirs = predict(texts)
        difference, low, high = metrics.paired_bootstrap(truth, theirs, ours)
        report["baselines"][name] = {
            **metrics.summary(truth, theirs),
            "gain": {"macro_f1": difference, "low": low, "high": high},
        }
    return report


def as_text(report: dict[str, Any]) -> str:
    """The report as lines for a person."""
    low, high = report["macro_f1_interval"]
    lines = [
        f"{report['rows']} texts, model version {report['model_version']}",
        f"{'':10} macro-F1  accuracy  macro-recall",
        _line("champion", report) + f"   95 %: {low:.3f} to {high:.3f}",
    ]
    for name, found in report["baselines"].items():
        gain = found["gain"]
        lines.append(
            _line(name, found) + f"   champion {gain['macro_f1']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
        )
    lines += [f"\n{'truth':10}{''.join(f'{label:>10}' for label in LABELS)}   as called"]
    for label, called in report["confusion"].items():
        lines.append(f"{label:10}{''.join(f'{count:>10}' for count in called.values())}")
    return "\n".join(lines)


def _line(name: str, found: dict[str, Any]) -> str:
    return f"{name:10} {found['macro_f1']:8.3f}  {found['accuracy']:8.3f}  {found['macro_recall']:12.3f}"

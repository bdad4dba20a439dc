"""The dashboard for Grafana asks for metrics that the job sends, by the names that Prometheus gives them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docs.generate.metrics import sent
from streaming.alerts.otlp import COUNTED, DISTRIBUTED, otel_name

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/moodstream.json").read_text())
WITHOUT_UNIT = ("LastProgressAge",)  # in seconds


def prometheus_name(name: str) -> str:
    """Dots become underscores, and the unit follows where the name lacks it; sums end in _total."""
    plain = otel_name(name).replace(".", "_") + ("_seconds" if name in WITHOUT_UNIT else "")
    if name in COUNTED:
        return f"{plain}_total"
    return f"{plain}_bucket" if name in DISTRIBUTED else plain


def test_every_panel_asks_for_metrics_that_the_job_sends() -> None:
    known = {prometheus_name(name) for name, _, _ in sent()}
    queries = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    asked = {name for query in queries for name in re.findall(r"moodstream_\w+", query)}
    assert asked <= known
    assert len(asked) >= 8


def test_every_panel_says_what_it_shows_and_none_covers_another() -> None:
    panels = DASHBOARD["panels"]
    assert all(panel["title"] and panel["description"] for panel in panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)

"""The rules that call somebody: what they must notice, and what they must sleep through."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from streaming.alerts import rules
from streaming.alerts.rules import Alert
from tests.builders import NOON

MINUTE = timedelta(minutes=1)


def quality(ago: int, rejected: int, accepted: int) -> list[dict[str, Any]]:
    minute = {"minute": NOON - ago * MINUTE, "late": 0}
    return [
        {**minute, "entity": "post", "reason": "", "events": accepted},
        {**minute, "entity": "rejected", "reason": "not_json", "events": rejected},
    ]


def rejections(recent: tuple[int, int], before: tuple[int, int] | None) -> list[Alert]:
    rows = quality(1, *recent)
    if before:
        rows += [row for ago in range(10, 40) for row in quality(ago, *before)]
    return rules.rejected_jump(rows, NOON)


def test_a_jump_of_rejected_events_is_told_with_its_reason() -> None:
    (alert,) = rejections(recent=(50, 150), before=(2, 198))
    assert "25% of the events of the last 5 minutes were rejected (50), 1.0% is usual" in alert.text
    assert "Most of them: not_json (50)" in alert.text


@pytest.mark.parametrize(
    ("recent", "before"),
    [((50, 150), (40, 160)), ((5, 15), (0, 100)), ((50, 150), None), ((0, 0), None)],
    ids=["as bad as ever", "a handful", "just started", "nothing"],
)
def test_no_jump_is_told_of(recent: tuple[int, int], before: tuple[int, int] | None) -> None:
    assert rejections(recent, before) == []


def test_a_stream_of_nothing_but_rubbish_is_told_of_at_once() -> None:
    assert rejections(recent=(100, 50), before=None)


def freshness(*lags: float) -> list[dict[str, Any]]:
    return [{"committed_at": NOON + n * MINUTE, "lag_p50_s": lag} for n, lag in enumerate(lags)]


def test_gold_that_stays_behind_is_told_of_and_a_single_slow_batch_is_not() -> None:
    assert rules.stale_gold(freshness(1, 200, 300, 400))
    assert rules.stale_gold(freshness(200, 300, 400, 1)) == []
    assert rules.stale_gold(freshness(500)) == []


def a_hop(**overrides: Any) -> dict[str, Any]:
    return {"state": "running", "restarts": 0, "error": None, "last_batch_at": NOON.isoformat(), **overrides}


def test_hops_in_trouble_are_told_of() -> None:
    hops = {
        "ingest": a_hop(last_batch_at="2026-01-01T12:10:00.000Z"),
        "refine": a_hop(),
        "aggregate": a_hop(state="failed", error="no such table"),
        "load": a_hop(state="waiting", restarts=4, error="connection refused"),
    }
    alerts = rules.hop_trouble(hops)
    assert [(alert.rule, alert.subject) for alert in alerts] == [
        ("hop_stalled", "refine"),
        ("hop_failed", "aggregate"),
        ("hop_restarting", "load"),
    ]
    assert "connection refused" in alerts[2].text


def test_hops_that_are_well_or_have_nothing_to_do_are_left_alone() -> None:
    restarted_once = a_hop(state="waiting", restarts=1)
    quiet = {"ingest": a_hop(), "refine": a_hop(), "aggregate": a_hop(last_batch_at=None), "load": restarted_once}
    assert rules.hop_trouble(quiet) == []


def test_an_alert_is_repeated_only_after_its_quiet_time() -> None:
    alerts = [Alert("rule", "a", ""), Alert("rule", "b", ""), Alert("rule", "c", "", timedelta(days=1))]
    sent = {f"rule/{each}": (NOON - timedelta(minutes=10)).timestamp() for each in "ac"}
    assert rules.not_repeated(alerts, sent, NOON) == [alerts[1]]
    assert rules.not_repeated(alerts, sent, NOON + timedelta(hours=1)) == alerts[:2]


def a_drift(hours_ago: int, changed: str | None, version: str = "1") -> dict[str, Any]:
    measures = dict.fromkeys(("psi_label", "psi_polarity", "novelty"), 0.3) | {"psi_length": None}
    told = {"changed": changed, "diagnosis": f"{changed} is other", "texts": 500}
    return {"hour": NOON - timedelta(hours=hours_ago), "model_version": version, **told, **measures}


def test_drift_says_what_changed_and_what_to_do() -> None:
    alerts = rules.drift([a_drift(0, "data"), a_drift(0, "audience", "2"), a_drift(1, "model", "3")], NOON)
    assert [alert.subject for alert in alerts] == ["model, version 3", "data, version 1", "audience, version 2"]
    assert ["rollback" in alerts[0].text, "--feedback" in alerts[1].text, "news" in alerts[2].text] == [True] * 3
    assert "psi_label 0.30, psi_polarity 0.30, novelty 0.30 (" in alerts[1].text
    assert "The data changed: data is other. Of 500 texts of the hour from 2026-01-01 12:00 UTC" in alerts[1].text


def test_drift_that_is_over_or_long_ago_is_told_no_more() -> None:
    assert rules.drift([a_drift(1, "data"), a_drift(0, None), a_drift(2, "data", "2"), a_drift(-1, "data")], NOON) == []


def test_rows_in_quarantine_are_told_of_by_hop_with_the_command_that_brings_them_back() -> None:
    rows = [{"hop": "load", "table_name": "silver/posts", "key": f"e{number}"} for number in range(7)]
    rows.append({"hop": "serve", "table_name": "gold/freshness", "key": "k"})
    load, serve = rules.rows_quarantined(rows)
    assert (load.identity, serve.identity) == ("rows_quarantined/load", "rows_quarantined/serve")
    assert "left 7 rows out" in load.text
    assert "silver/posts e4 and others" in load.text
    assert "`moodstream quarantined replay --hop load`" in load.text
    assert rules.rows_quarantined([]) == []

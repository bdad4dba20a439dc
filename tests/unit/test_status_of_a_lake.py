"""`moodstream status --lake`: what it finds, and the one sentence that it says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.local import workdir
from harness.demo import status
from harness.demo.screen import sentiment_bar
from harness.status import lake
from harness.status import verdict as verdict_module
from harness.status.verdict import verdict
from moodstream import exit_code_of
from streaming.lease.job import owned
from tests.lake_rows import settings_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
command = partial(exit_code_of, "moodstream status", status.main)


def ago(seconds: float) -> dict[str, Any]:
    return {"rows": 1, "committed_at": (NOW - timedelta(seconds=seconds)).isoformat()}


def a_lake(**overrides: Any) -> dict[str, Any]:
    well = {
        "tables": {"bronze/events": ago(1), "silver/posts": ago(5)},
        "owner": {"name": "process 1 on host", "alive": True, "seen_s": 2.0},
        "hops": {"ingest": {"state": "running"}},
        "gold_lag_s": 4.0,
    }
    return {**well, **overrides}


@pytest.mark.parametrize(
    ("found", "state", "why"),
    [
        (a_lake(), "ok", "half of gold's last batch was 4 s old or less"),
        (a_lake(owner=None), "stopped", "no job writes this lake"),
        (a_lake(owner={"name": "process 1 on host", "alive": False}), "stopped", "the last one was process 1 on host"),
        (a_lake(hops={"load": {"state": "failed", "error": "no login"}}), "trouble", r"load is failed \(no login\)"),
        (a_lake(hops={"load": {"state": "stalled"}}), "trouble", "load is stalled"),
        (a_lake(tables={"bronze/events": ago(600)}), "idle", "bronze has had no new record since"),
        (
            a_lake(tables={"bronze/events": ago(1), "silver/posts": ago(600)}),
            "behind",
            "silver has had no new row since",
        ),
        (a_lake(gold_lag_s=300.0), "behind", "half of gold's last batch was 300 s old"),
        (a_lake(gold_lag_s=None), "behind", "gold has no batch of the last hour"),
    ],
)
def test_the_most_urgent_thing_is_said_with_a_next_step(found: Mapping[str, Any], state: str, why: str) -> None:
    said = verdict(found, NOW)
    assert said.state == state
    assert re.search(why, said.why)
    assert state == "ok" or "docs/runbook.md, " in said.next_step


def test_each_next_step_is_a_section_of_the_runbook() -> None:
    text = Path(str(verdict_module.__file__)).read_text()
    runbook = (Path(__file__).resolve().parents[2] / "docs" / "runbook.md").read_text()
    named = {part.split('"')[0] for part in text.split("docs/runbook.md, ")[1:]}
    assert len(named) >= 4
    assert {name for name in named if f"## {name}" not in runbook} == set()


def test_a_lake_is_shown_with_the_job_that_owns_it(empty_lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_of(empty_lake)
    with owned(settings):
        assert command(["--lake", str(empty_lake), "--json"], {}) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tables"]["bronze/events"]["rows"] == 0
    assert found["owner"]["alive"]
    assert found["verdict"]["state"] in ("behind", "idle")
    assert command(["--lake", str(empty_lake)], {}) == 0
    assert "stopped: no job writes this lake; the last one was process" in capsys.readouterr().out.replace("\n", " ")


def test_the_status_file_tells_the_hops_states(empty_lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = empty_lake / "status.json"
    file.write_text(json.dumps({"hops": {"load": {"state": "failed", "error": "no login"}}}))
    with owned(settings_of(empty_lake)):
        assert command(["--lake", str(empty_lake), "--status-file", str(file), "--json"], {}) == 0
    assert json.loads(capsys.readouterr().out)["verdict"]["why"] == "load is failed (no login)"


@pytest.mark.parametrize("columns", ["80", "40"])
@pytest.mark.parametrize("option", ["--lake", "--workdir"])
def test_on_a_narrow_terminal_the_path_is_in_one_line(
    option: str, columns: str, empty_lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = empty_lake.parent / "a folder [of a team] whose name is longer than the terminals on which it is shown"
    if option == "--lake":
        empty_lake.rename(place)
    else:
        workdir.prepared(str(place))
    monkeypatch.setenv("COLUMNS", columns)
    assert command([option, str(place)], {}) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"moodstream in {place}"


def test_on_80_columns_each_layer_is_shown_by_its_whole_name(
    empty_lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workdir.prepared(str(empty_lake.parent))
    monkeypatch.setenv("COLUMNS", "80")
    assert command(["--workdir", str(empty_lake.parent)], {}) == 0
    shown = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.split()}
    assert {"bronze", "silver/comments", "silver/interactions", "rejected", "gold", "warehouse"} <= shown


def test_the_sentiment_fits_into_the_frame_of_a_demo_on_80_columns() -> None:
    line = sentiment_bar({"negative": 0.333, "neutral": 0.333, "positive": 0.334, "polarity": -0.1})
    assert line.cell_len <= 76


def test_an_error_with_brackets_is_shown_whole(empty_lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = empty_lake / "status.json"
    file.write_text(json.dumps({"hops": {"load": {"state": "failed", "error": "[load] no login"}}}))
    assert command(["--lake", str(empty_lake), "--status-file", str(file)], {}) == 0
    assert "[load] no login" in capsys.readouterr().out


class CloudWatch:
    """Answers for some metrics of some hops."""

    def __init__(self, values: Mapping[tuple[str, str], float]) -> None:
        self._values = values

    def get_metric_data(self, MetricDataQueries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        return {"MetricDataResults": [{"Id": each["Id"], "Values": self._of(each)} for each in MetricDataQueries]}

    def _of(self, query: Mapping[str, Any]) -> list[float]:
        metric = query["MetricStat"]["Metric"]
        assert metric["Namespace"] == "Moodstream"
        value = self._values.get((metric["MetricName"], metric["Dimensions"][0]["Value"]))
        return [] if value is None else [value]


def test_metrics_tell_the_hops_states() -> None:
    sent = {
        ("HopState", "ingest"): 1.0,
        ("HopFailed", "ingest"): 0.0,
        ("HopFailed", "load"): 1.0,
        ("HopState", "serve"): 1.0,
        ("HopStalled", "serve"): 1.0,
        ("HopState", "watch"): 0.0,
    }
    states = {hop: each["state"] for hop, each in lake.hops_of_metrics(CloudWatch(sent), "Moodstream", NOW).items()}
    assert states == {"ingest": "running", "load": "failed", "serve": "stalled", "watch": "starting"}


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--lake", "/nowhere"], "--lake: /nowhere has no table bronze/events"),
        (["--lake", "{lake}", "--status-file", "/nowhere"], "--status-file: /nowhere is no status file of a job"),
    ],
)
def test_what_is_not_there_is_one_line(
    argv: list[str], complaint: str, empty_lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command([word.replace("{lake}", str(empty_lake)) for word in argv], {}) == 2
    assert complaint in capsys.readouterr().err

"""The DAG bundle in a real Airflow 3.0.6, in its own environment, with a stand-in for the project's commands.

The stand-in answers with literal objects and writes down what it was asked; training for real takes a minute, and the
commands have tests of their own.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import patience

ROOT = Path(__file__).resolve().parents[2]
# Another one, 2.11 say: MOODSTREAM_AIRFLOW=/path/to/bin/airflow
AIRFLOW = os.environ.get("MOODSTREAM_AIRFLOW", str(ROOT / ".cache" / "airflow" / "bin" / "airflow"))
ANSWERS = {
    "deploy.airflow.checks": {
        "hours": 24,
        "events": 100,
        "shares": {"negative": 0.9, "neutral": 0.1, "positive": 0.0},
        "drift": 0.8,
        "model": {"changed": "data", "diagnosis": "unknown words rose by 12% of all words"},
        "rejected_share": 0.01,
        "late_share": 0.0,
    },
    "evaluate": {"rows": 300, "macro_f1": 0.612},
    "list": {"versions": [{"version": "1", "aliases": ["champion"]}]},
    "train": {"version": "2", "aliases": ["challenger"]},
    "promote": {"version": "2", "aliases": ["champion"]},
    "maintain": {"tables": 3},
    "report": {
        "day": "2026-11-19",
        "file": "s3://artefacts/runs/reports/moodstream-2026-11-19.html",
        "texts": 1200,
        "net_sentiment": 0.125,
        "margin": 0.03,
        "summary": "Net sentiment rose from +3 to +12 points.",
    },
}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory, release: Path) -> dict[str, str]:
    """The environment of an Airflow with the packaged DAGs, a fresh database and the stand-in."""
    subprocess.run(["make", "airflow-setup"], cwd=ROOT, check=True, capture_output=True, timeout=patience(500))
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    dags.mkdir()
    (dags / "moodstream-dags.zip").write_bytes((release / "moodstream-dags.zip").read_bytes())
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS", "PYTHON"))},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__MOODSTREAM__LAKE": str(home / "lake"),
        "AIRFLOW__MOODSTREAM__PYTHON": str(a_stand_in(home)),
        "AIRFLOW__MOODSTREAM__SHADOW_MINUTES": "0",
        "AIRFLOW__MOODSTREAM__EVALUATION_DATA": "labelled.csv",
    }
    subprocess.run([AIRFLOW, "db", "migrate"], env=environ, check=True, capture_output=True, timeout=patience(120))
    return environ


def a_stand_in(home: Path) -> Path:
    """Something that is called like Python: notes its words, answers by module or command."""
    script = home / "python"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        f"answers = json.loads({json.dumps(json.dumps(ANSWERS))})\n"
        "words = sys.argv[2:]\n"
        f"open({str(home / 'asked')!r}, 'a').write(' '.join(words) + '\\n')\n"
        "print(json.dumps(next(answers[word] for word in words if word in answers)))\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def run(environ: dict[str, str], dag: str) -> tuple[str, list[str]]:
    """Run a DAG to its end; returns the log and what the stand-in was asked for since."""
    asked = Path(environ["AIRFLOW_HOME"]) / "asked"
    asked.write_text("")
    done = subprocess.run(
        [AIRFLOW, "dags", "test", dag, "2026-11-20T12:00:00+00:00"],
        env=environ,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=patience(240),
    )
    return done.stdout + done.stderr, asked.read_text().splitlines()


def test_drift_leads_to_training_promotion_and_a_message(airflow: dict[str, str]) -> None:
    log, asked = run(airflow, "moodstream_retrain")
    assert "Marking run <DagRun moodstream_retrain" in log, log[-3000:]
    assert "version 2 is champion" in log
    assert "On 300 labelled texts it reaches macro-F1 0.612." in log
    assert sorted(words.split()[1:3] for words in asked) == [
        ["--lake", f"{airflow['AIRFLOW__MOODSTREAM__LAKE']}"],
        ["model", "evaluate"],
        ["model", "list"],
        ["model", "promote"],
        ["model", "train"],
    ]


def test_the_daily_workflow_reports_and_maintains(airflow: dict[str, str]) -> None:
    log, asked = run(airflow, "moodstream_daily")
    assert "Marking run <DagRun moodstream_daily" in log, log[-3000:]
    assert "100 posts and comments in 24 h: 90% negative, 10% neutral, 0% positive" in log
    assert [words for words in asked if " maintain " in words]
    assert [words for words in asked if words.split()[1:2] == ["report"]] == []


def test_the_daily_workflow_publishes_a_report_of_the_day_before_where_one_is_asked_for(
    airflow: dict[str, str], tmp_path: Path
) -> None:
    published = tmp_path / "published"
    (tmp_path / "boto3.py").write_text(
        "import json\n"
        "class Topic:\n"
        "    def publish(self, **message):\n"
        f"        open({str(published)!r}, 'a').write(json.dumps(message) + '\\n')\n"
        "def client(service, **_):\n"
        "    assert service == 'sns', service\n"
        "    return Topic()\n"
    )
    asking = {
        "PYTHONPATH": str(tmp_path),
        "AIRFLOW__MOODSTREAM__TOPIC": "arn:aws:sns:us-east-1:1:alerts",
        "AIRFLOW__MOODSTREAM__REPORTS": "s3://artefacts/runs/reports/",
    }
    log, asked = run({**airflow, **asking}, "moodstream_daily")
    assert "Marking run <DagRun moodstream_daily" in log, log[-3000:]
    [report] = [words for words in asked if words.split()[1:2] == ["report"]]
    assert report.endswith("--day 2026-11-19 --out s3://artefacts/runs/reports/moodstream-2026-11-19.html --json")
    messages = [json.loads(line) for line in published.read_text().splitlines()]
    [message] = [each for each in messages if "report of" in each["Subject"]]
    assert message["TopicArn"] == asking["AIRFLOW__MOODSTREAM__TOPIC"]
    assert "Net sentiment rose from +3 to +12 points." in message["Message"]
    assert "s3://artefacts/runs/reports/moodstream-2026-11-19.html" in message["Message"]

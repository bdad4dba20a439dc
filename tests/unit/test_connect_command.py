"""`moodstream connect` as a user meets it: options, one clear line, signals, counts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import moodstream
from connectors.errors import UsageError
from connectors.settings import from_arguments
from tests.patience import patience, wait_until
from tests.simulators.bluesky import Network, jetstream

COMMAND = (sys.executable, "-m", "connectors")


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["twitter"], "invalid choice: 'twitter'"),
        (["bluesky", "--limit", "0"], "received '0', expected a whole number above 0"),
        (["bluesky", "--rate", "fast"], "received 'fast', expected events a second above 0"),
        (["bluesky", "--stream", "s", "--out", "f"], "exclude each other"),
        (["file", "x.csv", "--map", "body"], "received 'body', expected FIELD=COLUMN"),
        (["rss", "--map", "text=body"], "--map belongs to source file"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_was_expected(argv: list[str], line: str) -> None:
    with pytest.raises(UsageError) as refused:
        from_arguments(argv, {})
    assert line in str(refused.value)


def test_credentials_do_not_show_in_the_settings() -> None:
    settings = from_arguments(["youtube", "abc"], {"YOUTUBE_API_KEY": "geheim"})
    assert settings.credentials["YOUTUBE_API_KEY"] == "geheim"
    assert "geheim" not in repr(settings)


def test_the_last_line_of_standard_output_counts(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    network = Network()
    network.crowd(300)
    out, ledger = tmp_path / "events.jsonl", tmp_path / "ledger"
    argv = ["connect", "bluesky", "--out", str(out), "--limit", "250", "--json", "--ledger", str(ledger)]
    with jetstream(network) as (url, _):
        assert moodstream.run([*argv, "--endpoint", url], {}) == 0
    counts = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert counts["events"] == sum(counts["by_type"].values()) == 250
    assert 250 <= counts["received"] <= 300, "how many frames come before the limit is the network's affair"
    assert len(out.read_text().splitlines()) == 250
    assert {"skipped", "reconnects", "cursor"} <= counts.keys()


def test_events_and_counts_share_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    network = Network()
    network.crowd(20)
    with jetstream(network) as (url, _):
        assert (
            moodstream.run(["connect", "bluesky", "--endpoint", url, "--limit", "10", "--out", "-", "--json"], {}) == 0
        )
    *events, counts = capfd.readouterr().out.splitlines()
    assert [json.loads(line)["source"] for line in events] == ["bluesky"] * 10
    assert json.loads(counts)["events"] == 10


def test_a_preview_shows_each_of_the_first_five_events_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "some.csv"
    rows.write_text("text\n" + "".join(f"number {n}\n" for n in range(9)))
    assert moodstream.run(["connect", "file", str(rows), "--preview"], {}) == 0
    shown = capfd.readouterr()
    assert [f"number {n}" in shown.out for n in range(6)] == [True] * 5 + [False]
    assert (shown.out + shown.err).count("number") == 5, "a terminal shows both streams"


def test_sigterm_ends_between_batches_and_the_next_run_goes_on(tmp_path: Path) -> None:
    network = Network()
    network.crowd(2_000)
    out, cursor = tmp_path / "events.jsonl", tmp_path / "cursor"
    with jetstream(network) as (url, _):
        command = [*COMMAND, "bluesky", "--endpoint", url, "--out", str(out), "--cursor", str(cursor)]
        process = subprocess.Popen([*command, "--rate", "500", "--json"], stdout=subprocess.PIPE, text=True)
        try:
            _wait_for_lines(out, 300)
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=patience(120))
        finally:
            process.kill()
        assert process.returncode == 0
        first = json.loads(said.splitlines()[-1])["events"]
        assert len(out.read_text().splitlines()) == first < 2_000
        left = 2_000 - first
        subprocess.run([*command, "--limit", str(left)], check=True, timeout=patience(120), env=dict(os.environ))
    ids = [json.loads(line)["event_id"] for line in out.read_text().splitlines()]
    assert len(ids) == len(set(ids)) == 2_000


def test_kill_9_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    network = Network()
    network.crowd(2_000)
    out, cursor = tmp_path / "events.jsonl", tmp_path / "cursor"
    with jetstream(network) as (url, _):
        command = [*COMMAND, "bluesky", "--endpoint", url, "--out", str(out), "--cursor", str(cursor)]
        process = subprocess.Popen([*command, "--rate", "500"])
        try:
            _wait_for_lines(out, 600)
        finally:
            process.kill()
            process.wait()
        with out.open("ab") as file:
            file.write(b'{"event_id": "torn')
        subprocess.run([*command, "--seconds", "6"], check=True, timeout=patience(120))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    ids = [line["event_id"] for line in lines]
    assert len(ids) == len(set(ids))
    kept = [line for line in lines if line["event_type"] != "deletion"]
    assert len(kept) == sum(1 for promise in network.promised().elements() if promise.event_type != "deletion")


def _wait_for_lines(path: Path, lines: int) -> None:
    wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= lines, f"{lines} lines in {path}")

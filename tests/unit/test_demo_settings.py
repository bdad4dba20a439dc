"""Wrong use of the local commands is one clear line and exit code 2, before anything is started."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from deploy.local import workdir
from deploy.local.errors import WorkdirBusyError
from harness.audit import command as audit
from harness.demo import command as demo
from harness.demo import status
from moodstream import exit_code_of

ENVIRON = {"PATH": os.environ["PATH"]}


def refusal(capsys: pytest.CaptureFixture[str], *argv: str, command=demo.main) -> str:
    """The line that a command refuses these arguments with."""
    assert exit_code_of("moodstream test", command, argv, ENVIRON) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--seconds", "soon"], "--seconds: received 'soon', expected seconds above 0"),
        (["--seconds", "0"], "--seconds: received '0', expected seconds above 0"),
        (["--rate", "-5"], "--rate: received '-5', expected records a second above 0"),
        (["--rate", "nan"], "--rate: received 'nan', expected records a second above 0"),
        (["--shards", "2.5"], "--shards: received '2.5', expected a whole number from 1 to 64"),
        (["--dashboard-port", "70000"], "--dashboard-port: received '70000', expected a port"),
        (["--kinesis-connector", "kafka"], "invalid choice: 'kafka'"),
        (["--kinesis-connector", "aws"], "name it with --jars PATH"),
        (["--jars", "/no/such.jar"], "--jars: '/no/such.jar' is no file"),
        (["--input", "/no/such/file"], "--input: cannot read '/no/such/file': No such file or directory"),
        (["--connect", "twitter"], "--connect: received 'twitter', expected one of bluesky, mastodon"),
        (["--connect", "bluesky", "--connect-endpoint", "ws://127.0.0.1:9"], "cannot reach 127.0.0.1:9"),
        (["--connect", "bluesky", "--scenario", "raid"], "leave out --input, --scenario"),
        (["--scenario", "no"], "--scenario 'no' is neither a readable file nor one of: aggregated, calm"),
        (["--connect-endpoint", "ws://127.0.0.1:9"], "name the source too, with --connect SOURCE"),
        (["--input", "/"], "--input: '/' is a folder, expected a file of records, one a line"),
    ],
)
def test_wrong_options_are_named_with_what_was_expected(capsys, argv: list[str], expected: str) -> None:
    assert expected in refusal(capsys, *argv)


def test_a_taken_port_is_refused_before_anything_starts(capsys, tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = str(server.getsockname()[1])
        message = refusal(capsys, "--workdir", str(tmp_path / "w"), "--dashboard-port", port)

    assert f"--dashboard-port: port {port} is taken" in message
    assert not (tmp_path / "w").exists()


def test_a_workdir_that_cannot_be_written_is_refused(capsys, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    assert "--workdir: cannot write to" in refusal(capsys, "--workdir", str(tmp_path / "file" / "inside"))


def test_a_second_demo_in_the_same_workdir_is_refused_and_told_who_is_first(capsys, tmp_path: Path) -> None:
    with workdir.held(workdir.prepared(str(tmp_path))):
        message = refusal(capsys, "--workdir", str(tmp_path))

    assert f"another demo (pid {os.getpid()}) uses" in message


def test_the_lock_is_free_again_when_its_demo_has_ended(tmp_path: Path) -> None:
    place = workdir.prepared(str(tmp_path))
    with workdir.held(place):
        assert workdir.is_held(place) == os.getpid()
        with pytest.raises(WorkdirBusyError), workdir.held(place):
            pass

    assert workdir.is_held(place) is None
    with workdir.held(place):
        pass


@pytest.mark.parametrize("command", [audit.main, status.main])
def test_a_folder_that_no_demo_has_used_is_refused(capsys, tmp_path: Path, command) -> None:
    assert "is no working directory of a demo" in refusal(capsys, "--workdir", str(tmp_path), command=command)


def test_there_is_nothing_to_audit_before_anything_was_sent(capsys, tmp_path: Path) -> None:
    workdir.prepared(str(tmp_path))

    assert "holds no ledger or no bronze/events" in refusal(capsys, "--workdir", str(tmp_path), command=audit.main)


def test_stopping_where_nothing_runs_says_so(capsys, tmp_path: Path) -> None:
    workdir.prepared(str(tmp_path))

    assert demo.main(["--stop", "--workdir", str(tmp_path)], ENVIRON) == 0
    assert capsys.readouterr().out == "nothing was running\n"


@pytest.mark.parametrize("command", [audit.main, demo.main, status.main])
def test_help_shows_examples(capsys, command) -> None:
    assert exit_code_of("moodstream test", command, ["--help"], ENVIRON) == 0
    assert "examples:" in capsys.readouterr().out

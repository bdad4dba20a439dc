"""Where the operators' commands find the lake, and what they make of its records."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from deltalake.exceptions import DeltaError

import moodstream
from streaming.errors import SettingsError
from streaming.events.kpl import aggregate
from streaming.events.parse import parse_record
from streaming.events.records import Person, split_events
from streaming.operations import command
from streaming.options import Parser
from streaming.settings import Settings
from tests.builders import NOON, a_record, an_event


def settings(*arguments: str, **environ: str) -> Settings:
    parser = Parser("test", "", "")
    command.add_place(parser, environ)
    options: argparse.Namespace = parser.parse_args(arguments)
    return command.settings(options, environ, lambda _text: None)


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    (tmp_path / "lake").mkdir()
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres/password").write_text("secret")
    stack = {"warehouse": "postgresql://moodstream@127.0.0.1:5/moodstream", "mlflow": "sqlite:///x.db", "stream": "s"}
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    return tmp_path


def test_a_working_directory_says_where_everything_is(workdir: Path) -> None:
    found = settings("--workdir", str(workdir))
    assert (found.lake, found.checkpoints) == (str(workdir / "lake"), str(workdir / "checkpoints"))
    assert (found.warehouse, found.warehouse_password) == ("postgresql://moodstream@127.0.0.1:5/moodstream", "secret")
    assert found.mlflow_uri == "sqlite:///x.db"
    assert "secret" not in repr(found)


def test_options_win_over_the_working_directory(workdir: Path) -> None:
    found = settings("--workdir", str(workdir), "--mlflow-uri", "http://mlflow", "--no-warehouse")
    assert (found.mlflow_uri, found.warehouse) == ("http://mlflow", None)


def test_a_lake_on_s3_comes_from_the_environment() -> None:
    found = settings(MOODSTREAM_LAKE="s3a://lake/", MOODSTREAM_WAREHOUSE_PASSWORD="p")
    assert (found.lake, found.checkpoints, found.warehouse_password) == ("s3a://lake", "s3a://lake/_checkpoints", "p")


def test_an_explicit_working_directory_wins_over_every_variable(workdir: Path) -> None:
    found = settings(
        *("--workdir", str(workdir)),
        MOODSTREAM_LAKE="s3a://other",
        MOODSTREAM_CHECKPOINTS="s3a://other/_checkpoints",
        MOODSTREAM_WAREHOUSE="postgresql://me@elsewhere/db",
        MOODSTREAM_WAREHOUSE_PASSWORD="another",
        MLFLOW_TRACKING_URI="http://elsewhere",
    )
    assert found == settings("--workdir", str(workdir))


def test_a_variable_wins_over_a_working_directory_that_nobody_named(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "DEFAULT_WORKDIR", str(workdir))
    found = settings(MOODSTREAM_WAREHOUSE="postgresql://me@host/db", MOODSTREAM_WAREHOUSE_PASSWORD="mine")
    assert (found.lake, found.warehouse, found.warehouse_password) == (
        str(workdir / "lake"),
        "postgresql://me@host/db",
        "mine",
    )
    assert settings(MOODSTREAM_LAKE="s3a://lake").lake == "s3a://lake"


def test_an_explicit_lake_does_not_take_the_checkpoints_and_the_warehouse_of_another() -> None:
    other = {"MOODSTREAM_CHECKPOINTS": "s3a://a/marks", "MOODSTREAM_WAREHOUSE": "postgresql://me@host/a"}
    found = settings("--lake", "s3a://b", MOODSTREAM_LAKE="s3a://a", **other)
    assert (found.checkpoints, found.warehouse) == ("s3a://b/_checkpoints", None)
    same = settings("--lake", "s3a://a/", MOODSTREAM_LAKE="s3a://a", **other)
    assert (same.checkpoints, same.warehouse) == ("s3a://a/marks", "postgresql://me@host/a")


def test_two_explicit_places_are_refused(workdir: Path) -> None:
    with pytest.raises(SettingsError, match="received both"):
        settings("--workdir", str(workdir), "--lake", "s3a://other")


# Both as delta-rs 1.x says it, shortened.
NOTHING_FOUND = "Operation not supported \x1b[31m↳\x1b[0m no credentials found in chain. Attempted: Environment"
REFUSED = "Operation not supported \x1b[31m↳\x1b[0m an error occurred while loading credentials"


@pytest.mark.parametrize("kind", [DeltaError, OSError])
@pytest.mark.parametrize("told", [NOTHING_FOUND, REFUSED])
def test_a_lake_on_s3_without_credentials_is_one_sentence(
    kind: type[Exception], told: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def act(*_: object) -> command.Outcome:
        raise kind(told)

    def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
        parser = Parser("x", "", "")
        command.add_place(parser, environ)
        return command.run(parser, act, argv, environ)

    assert moodstream.exit_code_of("moodstream x", main, ["--workdir", str(workdir)], {}) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        "moodstream x: no AWS credentials were found to read the lake with; expected AWS_ACCESS_KEY_ID"
    )
    assert "\x1b" not in error


def test_a_folder_without_a_lake_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no lake"):
        settings("--workdir", str(tmp_path))


DEEP = b"[" + json.dumps(an_event())[:-1].encode() + b',"x":' + b"[" * 300 + b"]" * 300 + b"}, 1]"
RECORDS = {
    "one event": a_record(),
    "an array": json.dumps([an_event(event_id="a"), 5, an_event(event_id="b")]).encode(),
    "an aggregate": aggregate([a_record(), b"\xff", b'[{"event_type": "erased"}, 1]']),
    "an empty array": b"[]",
    "garbage": b"{",
    "nothing": b"",
    "deeper than can be written": DEEP,
    "null": b"null",
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_elements_are_the_events_that_the_stream_sees(record: bytes) -> None:
    parts = split_events(record)
    for event in parse_record(record, NOON):
        (alone,) = parse_record(parts[event.record_index], NOON)
        assert (type(alone), alone.event_id) == (type(event), event.event_id)


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_record_without_a_person_keeps_all_other_events_in_their_places(record: bytes) -> None:
    person = Person("u1")
    gone = set(person.concerned(record, None))
    rest = person.removed_from(record, None)
    left = [(e.record_index, e.event_id) for e in parse_record(record, NOON) if e.record_index not in gone]
    assert [(e.record_index, e.event_id) for e in (parse_record(rest, NOON) if rest is not None else [])] == left


@pytest.mark.parametrize(
    ("data", "key", "theirs"),
    [
        (b'{"payload": {"user_id": "u1"}}', None, True),
        (b'{"payload": {"user_id": "u10"}}', None, False),
        (b'{"payload": {"user_id": "\\u00751"}}', None, True),
        (b'{"payload": {"user_id": "u2", "quoted": {"user_id": "u1"}}}', None, False),
        (b'{"payload": {"text": "u1"}}', None, False),
        (b'{"user": {"user_id": "u1"}}', None, True),
        (b'{"user_id": "u1", broken', None, True),
        (b'{"user_id": "u1-2", broken', None, False),
        (b"\xff", "u1", True),
        (b"\xff", "u2", False),
    ],
)
def test_an_event_is_theirs_who_did_it_or_whom_it_names(data: bytes, key: str | None, theirs: bool) -> None:
    assert bool(Person("u1").concerned(data, key)) is theirs

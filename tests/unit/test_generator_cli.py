"""`moodstream generate` to files: reproducible, witnessed, and clear about wrong use."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from generator import ledger as witness
from generator.cli import main
from moodstream import exit_code_of

ROOT = Path(__file__).parents[2]


def generate(*argv: object) -> int:
    words = ["--users", "500", *(str(a) for a in argv)]  # a small population is settled at once
    return exit_code_of("moodstream generate", main, words, {})


def test_the_same_seed_and_start_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert generate("--events", 2000, "--seed", 7, "--scenario", "outage", "--out", tmp_path / name) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    generate("--events", 2000, "--seed", 8, "--scenario", "outage", "--out", tmp_path / "c")
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_the_first_event_is_at_the_default_start(tmp_path: Path) -> None:
    generate("--events", 1, "--dirt", 0, "--out", tmp_path / "a")
    assert json.loads((tmp_path / "a").read_bytes())["event_time"] == "2026-01-01T00:00:00.000Z"


def test_a_duration_is_simulated_time(tmp_path: Path) -> None:
    generate("--duration", 20, "--rate", 50, "--out", tmp_path / "a")
    assert len((tmp_path / "a").read_bytes().splitlines()) == 1000


def test_nothing_is_in_the_stream_that_is_not_in_the_ledger_and_the_reverse(tmp_path: Path) -> None:
    assert generate("--events", 3000, "--scenario", "torture", "--out", tmp_path / "a", "--ledger", tmp_path / "l") == 0
    lines = (tmp_path / "a").read_bytes().split(b"\n")[:-1]
    placed = {int(e.ack.sequence_number): e for e in witness.entries(tmp_path / "l") if e.ack}
    assert sorted(placed) == list(range(1, len(lines) + 1))
    for number, line in enumerate(lines, 1):
        assert placed[number].sha256 == hashlib.sha256(line).hexdigest()
    assert list(witness.unacked(tmp_path / "l")) == []


def test_the_ledger_says_what_every_dirty_record_is(tmp_path: Path) -> None:
    generate("--events", 3000, "--dirt", 0.5, "--out", tmp_path / "a", "--ledger", tmp_path / "l")
    events = [e for entry in witness.entries(tmp_path / "l") for e in entry.expected]
    assert {e.dirt for e in events if e.dirt} >= {"malformed", "late", "duplicate_near", "duplicate_far", "array"}
    assert all((e.reason is not None) == (e.outcome == "rejected") for e in events)
    assert all(e.dirt for e in events if e.reason or e.duplicate)


def test_the_ledger_names_the_episodes_with_their_times(tmp_path: Path) -> None:
    generate("--events", 10, "--episode", "raid@60+120", "--out", tmp_path / "a", "--ledger", tmp_path / "l")
    (episode,) = witness.episodes(tmp_path / "l")
    assert (episode["name"], episode["kind"], episode["topic"]) == ("raid@60", "raid", "gaming")
    assert episode["end"] - episode["start"] == 120
    assert episode["effect"]["bots"] == 25


NASTY = [
    b'{"event_id":"e1","event_type":"post","schema_version":1,"event_time":"2026-01-01T00:00:00Z",'
    b'"payload":{"post_id":"p","user_id":"u","text":"\xf0\x9f\x98\x80"}}\r',
    b"",
    b"\xff\xfe broken",
    b"null",
    b"[1, 2]",
    b'{"half',
    b"x" * 3_000_000,
]


@pytest.mark.parametrize("zipped", [False, True])
def test_the_records_of_a_file_go_through_as_they_stand(tmp_path: Path, zipped: bool) -> None:
    source = tmp_path / ("in.gz" if zipped else "in")
    source.write_bytes(gzip.compress(b"\n".join(NASTY)) if zipped else b"\n".join(NASTY))
    assert generate("--input", source, "--out", tmp_path / "out", "--ledger", tmp_path / "l") == 0
    assert (tmp_path / "out").read_bytes().split(b"\n")[:-1] == NASTY
    reasons = [[e.reason for e in entry.expected] for entry in witness.entries(tmp_path / "l")]
    assert reasons == [
        [None], ["not_json"], ["not_utf8"], ["wrong_type"], ["wrong_type", "wrong_type"], ["not_json"], ["not_json"],
    ]  # fmt: skip


def test_a_repeated_event_id_in_a_file_is_a_duplicate(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(NASTY[0] + b"\n" + NASTY[0] + b"\n")
    generate("--input", tmp_path / "in", "--out", tmp_path / "out", "--ledger", tmp_path / "l")
    assert [e.expected[0].duplicate for e in witness.entries(tmp_path / "l")] == [False, True]


def test_records_of_the_seed_system_are_translated(tmp_path: Path) -> None:
    record = {"id": 1, "post": "hi", "comment": "ho", "interactions": ["like"], "users": ["ada", "ben"],
              "timestamp": "2025-01-01T00:00:00"}  # fmt: skip
    (tmp_path / "in").write_text(json.dumps(record) + "\nno record\n")
    generate("--input", tmp_path / "in", "--input-format", "seed", "--out", tmp_path / "out")
    *events, last = (tmp_path / "out").read_text().splitlines()
    assert [json.loads(e)["event_type"] for e in events] == ["post", "comment", "interaction"]
    assert last == "no record"


def test_given_texts_carry_their_label(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('text,label\n"so good, really",positive\nblah,unlabelled\n')
    generate("--events", 2000, "--texts", tmp_path / "t.csv", "--out", tmp_path / "out", "--ledger", tmp_path / "l")
    labelled = [e for entry in witness.entries(tmp_path / "l") for e in entry.expected if e.topic == "corpus"]
    assert labelled
    assert {e.mood for e in labelled if e.entity == "post"} == {"positive"}
    assert "so good, really" in (tmp_path / "out").read_text("utf-8", "replace")


WRONG: list[tuple[list[str], str]] = [
    (["--bogus"], "unrecognized arguments: --bogus"),
    (["--rate", "fast"], "'fast' is not a number above 0, or 'max'"),
    (["--events", "0"], "'0' is not a whole number above 0"),
    (["--dirt", "2"], "'2' is not a share between 0 and 1"),
    (["--start", "yesterday"], "'yesterday' is not an ISO 8601 time"),
    (["--out", "kinesis:"], "names no stream"),
    (["--out", "/nowhere/x"], "cannot write --out '/nowhere/x': No such file"),
    (["--input", "/nowhere/x"], "cannot read --input '/nowhere/x': No such file"),
    (["--input", "/"], "cannot read --input '/': Is a directory"),
    (["--scenario", "war"], "neither a readable file nor one of: aggregated"),
    (["--episode", "party"], "an episode's kind is 'party', expected one of: launch"),
    (["--episode", "raid@noon"], "is not KIND@START+LENGTH"),
    (["--texts", "/nowhere/x"], "cannot read --texts"),
    (["--resend", "x"], "--resend needs --ledger DIR and --out kinesis:STREAM"),
    (["--input", "x", "--start", "2026-01-01"], "--start has no effect with --input"),
    (["--status-file", "/nowhere/x"], "cannot write --status-file '/nowhere/x'"),
    (["--ledger", "/proc/x"], "cannot write the ledger in '/proc/x'"),
]


@pytest.mark.parametrize(("argv", "message"), WRONG)
def test_wrong_use_is_one_line_and_exit_code_2(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of("moodstream generate", main, argv, {}) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


def test_a_damaged_archive_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.gz").write_bytes(gzip.compress(b"{}\n" * 1000)[:-9])
    assert generate("--input", tmp_path / "in.gz", "--out", tmp_path / "out") == 2
    assert "cannot read --input" in capsys.readouterr().err


def test_a_line_that_no_sink_takes_is_said_not_cut(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"x" * 17_000_000 + b"\nnull\n")
    assert generate("--input", tmp_path / "in", "--out", tmp_path / "out", "--ledger", tmp_path / "l") == 0
    assert (tmp_path / "out").read_bytes() == b"null\n"
    assert [e.unsendable for e in witness.entries(tmp_path / "l")] == ["longer than 16777216 bytes", None]


def test_a_full_disk_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate("--events", 20_000, "--out", "/dev/full") == 1
    assert capsys.readouterr().err == "moodstream generate: cannot write: No space left on device\n"


def test_the_core_needs_nothing_but_the_standard_library() -> None:
    code = (
        "import sys, generator.cli, generator.scheduled, generator.ledger\n"
        "foreign = [n for n, m in sys.modules.items() if 'site-packages' in (getattr(m, '__file__', None) or '')]\n"
        "sys.exit(', '.join(foreign) or 0)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_a_reader_that_leaves_early_ends_the_run_quietly() -> None:
    command = f"{sys.executable} -m generator --users 500 --events 50000 | head -1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["event_id"]
    assert done.stderr == ""

"""Every command that a page shows is one that its parser accepts, and every `make` target exists."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import moodstream

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/deploy").glob("*.md")),
]
BLOCK = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"(?:\.venv/bin/)?((?:moodstream|make) .*)")
INLINE = re.compile(r"`((?:moodstream|make) [^`]+)`")
# What a page writes where the reader puts a value of their own, and a value for it.
PLACEHOLDERS = {
    **dict.fromkeys(("N", "DAYS", "SECONDS", "VERSION", "V"), "5"),
    **dict.fromkeys(("T",), "2026-01-01T00:00:00Z"),
    "R": "not_json",
    "SOURCE": "bluesky",
    "NAME": "qubole",
    "HOP": "refine",
    "kinesis:STREAM": "kinesis:stream",
}
ACCEPTED = 77


def shown(page: Path) -> Iterator[str]:
    """The commands of a page, in its blocks and within its sentences."""
    text = page.read_text()
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if found := COMMAND.match(line.strip()):
                yield found[1]
    for command in INLINE.findall(BLOCK.sub("", text)):
        yield " ".join(command.split())


def filled(command: str) -> list[str]:
    """Its words, with the optional parts written out and a value for each placeholder."""
    words = shlex.split(re.sub(r"[\[\]]", "", command), comments=True)
    return [PLACEHOLDERS.get(word, word) for word in words]


def every(first: str) -> list[tuple[str, list[str]]]:
    found = {(page.name, command) for page in PAGES for command in shown(page) if command.startswith(first)}
    return [(f"{page}: {command}", filled(command)) for page, command in sorted(found)]


@pytest.fixture
def parsed_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command ends when its parser has accepted the arguments."""

    def ending(parse: Callable[..., object]) -> Callable[..., None]:
        def parse_and_end(*args: object, **named: object) -> None:
            parse(*args, **named)
            raise SystemExit(ACCEPTED)

        return parse_and_end

    for name in ("parse_args", "parse_intermixed_args"):
        monkeypatch.setattr(argparse.ArgumentParser, name, ending(getattr(argparse.ArgumentParser, name)))


def accepted(words: list[str]) -> bool:
    """Whether a parser took them; a command alone is a name in a sentence."""
    alone = len(words) == 1 and words[0] in moodstream.COMMANDS
    return alone or moodstream.run(words, {}) in (ACCEPTED, 0)


@pytest.mark.parametrize(("told", "words"), every("moodstream "))
@pytest.mark.usefixtures("parsed_only")
def test_every_documented_command_is_accepted_by_its_parser(
    told: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert accepted(words[1:]), f"{told}\n{capsys.readouterr().err}"


@pytest.mark.parametrize(("told", "words"), every("make "))
@pytest.mark.usefixtures("parsed_only")
def test_every_documented_target_exists_and_takes_its_arguments(
    told: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    targets = re.findall(r"^([a-z][a-z0-9 -]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    known = {name for line in targets for name in line.split()}
    assert {word for word in words[1:] if "=" not in word} <= known, told
    arguments = [word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")]
    if "demo" in words and arguments:
        assert accepted(["demo", *shlex.split(arguments[0])]), f"{told}\n{capsys.readouterr().err}"


def test_pages_show_many_commands() -> None:
    assert len(every("moodstream ")) > 50
    assert len(every("make ")) > 15

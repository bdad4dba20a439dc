"""The outermost function: which command runs, and which error ends with which exit code."""

from __future__ import annotations

import importlib
import inspect
import os
import re
from collections.abc import Iterator, Mapping, Sequence

import pytest

import moodstream
from moodstream import exit_code_of
from streaming.errors import CheckpointVersionError, OperationFailed, SettingsError, SinkUnavailable

TREES = ("streaming.errors", "generator.errors", "model.errors", "deploy.local.errors", "deploy.infra.errors",
         "deploy.package.errors")  # fmt: skip


def errors() -> Iterator[type[Exception]]:
    for name in TREES:
        module = importlib.import_module(name)
        yield from (
            value for value in vars(module).values() if inspect.isclass(value) and value.__module__ == module.__name__
        )


def raising(error: BaseException) -> moodstream.Main:
    def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
        raise error

    return main


@pytest.mark.parametrize("error", errors(), ids=lambda error: f"{error.__module__}.{error.__name__}")
def test_every_error_of_a_package_ends_with_a_code_of_the_table(error: type[Exception]) -> None:
    assert exit_code_of("moodstream test", raising(error("no")), [], {}) in (1, 2, 3, 5)
    assert f"\n{error.exit_code}  " in (moodstream.__doc__ or "")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("error", "code"),
    [(OperationFailed, 1), (SettingsError, 2), (CheckpointVersionError, 3), (SinkUnavailable, 2)],
)
def test_an_error_is_one_line_on_standard_error_and_its_exit_code(
    error: type[Exception], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of("moodstream test", raising(error("two\n  lines")), [], {}) == code
    assert capsys.readouterr().err == "moodstream test: two lines\n"


def test_an_error_that_nobody_foresaw_keeps_its_traceback() -> None:
    with pytest.raises(KeyError):
        exit_code_of("moodstream test", raising(KeyError("x")), [], {})


@pytest.mark.parametrize(("done", "code"), [(0, 0), (2, 2), (None, 0), ("a sentence", 1)])
def test_a_parser_that_ends_the_command_decides_its_exit_code(done: int | str | None, code: int) -> None:
    assert exit_code_of("moodstream test", raising(SystemExit(done)), [], {}) == code


def test_a_command_that_is_not_installed_is_not_listed_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(moodstream.COMMANDS, "demo", ("elsewhere.demo.command", "run the whole system"))
    assert moodstream.run(["--help"], {}) == 0
    listed = capsys.readouterr().out
    assert "  generate  " in listed
    assert "\n  demo  " not in listed
    assert "moodstream demo" not in listed
    assert moodstream.run(["demo"], {}) == 2
    assert capsys.readouterr().err.startswith("moodstream demo: the package 'elsewhere' is not installed")


def test_an_unknown_command_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert moodstream.run(["dance"], {}) == 2
    said = capsys.readouterr().err
    assert said.startswith("moodstream: unknown command 'dance'; one of: demo, doctor, status, ")
    assert said.count("\n") == 1


def test_the_command_alone_is_wrong_use_that_shows_how_to_use_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert moodstream.run([], {}) == 2
    assert capsys.readouterr().out.startswith("usage: moodstream COMMAND")


def test_the_release_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert moodstream.run(["--version"], {}) == 0
    assert re.fullmatch(r"moodstream \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_the_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert moodstream.run(["completion", shell], {}) == 0
    line = capsys.readouterr().out
    assert all(name in line for name in moodstream.COMMANDS)


def test_an_unknown_shell_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert moodstream.run(["completion", "fish"], {}) == 2
    assert "expected bash or zsh" in capsys.readouterr().err


def test_loopback_never_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["moodstream", "--version"])
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "example.com")
    assert moodstream.main() == 0
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "example.com,127.0.0.1,localhost"

"""Every `make` command that a page shows runs its recipe, and each target runs for real in a test, or here is why not.

A sandbox has the Makefile and, instead of the tools, programs that note how they were called: there every recipe runs
to its end in a moment, also one that takes an hour, and what it calls must exist.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from docs.generate.__main__ import DOCS, PAGES
from tests.patience import patience
from tests.unit.test_documented_commands import every

ROOT = Path(__file__).resolve().parents[2]
# The file that runs each target with its tools.
RUN_BY = {
    "clean": f"tests/packaging/{Path(__file__).name}",
    "contracts": "tests/packaging/test_data_contracts.py",
    "docs": "tests/packaging/test_docs_site.py",
    "help": f"tests/packaging/{Path(__file__).name}",
    "lint": ".ci/run",
    "package": f"tests/packaging/{Path(__file__).name}",
    "reference": f"tests/packaging/{Path(__file__).name}",
    "setup": "tests/unit/test_makefile.py",
    "synth": "tests/packaging/conftest.py",
    "test": ".ci/run",
}
# Why a target runs in the sandbox only.
SANDBOX_ONLY = {
    "accessibility": "its tests are a part of `make test` where there is a browser",
    "bench-smoke": "takes ten minutes; the measurements' own tests run each of them in a small form",
    "check": "is `make lint test`",
    "demo": "starts the whole system, which test_demo_end_to_end.py does with the same command",
    "lock": "asks the registries for the newest versions",
    "lock-deploy": "asks the registries for the newest versions",
    "rehearse": "takes an hour, and runs before a deployment",
    "test-contract": "is a part of `make test`",
    "test-integration": "is a part of `make test`",
    "test-packaging": "is a part of `make test`",
    "test-spark4": "takes longer than all tests, and runs before an upgrade of Spark",
    "test-unit": "is a part of `make test`",
}
TOOLS = ("python", "ruff", "mypy", "lint-imports", "deptry", "uv", "moodstream")
ENVIRONMENTS = ("infra", "airflow", "docs", "contracts", "spark4")
NOTES = """#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
"""
Words = tuple[str, ...]


def documented() -> list[Words]:
    return sorted({tuple(words[1:]) for _, words in every("make ")} | {("help",)})


def targets(words: Words) -> set[str]:
    return {word for word in words if "=" not in word}


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    """A folder in which everything is installed, as the Makefile sees it."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    for name in ("requirements.lock", "pyproject.toml", "moodstream.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "note").write_text(NOTES)
    (tmp_path / "note").chmod(0o755)
    for folder in (".venv", *(f".cache/{name}" for name in ENVIRONMENTS)):
        (tmp_path / folder / "bin").mkdir(parents=True)
        for tool in (*TOOLS, "mkdocs", "chromium"):
            (tmp_path / folder / "bin" / tool).symlink_to(tmp_path / "note")
        (tmp_path / folder / ".ready").touch()
    return tmp_path


def run(folder: Path, *words: str) -> list[list[str]]:
    """Run `make` with these words in the sandbox; returns how it called the tools."""
    calls = folder / "calls"
    calls.touch()
    environ = {**os.environ, "CALLS": str(calls), "PATH": f"{folder}/.venv/bin:{os.environ['PATH']}"}
    done = subprocess.run(
        ["make", *words], cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=patience(60)
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in calls.read_text().splitlines()]


@pytest.mark.parametrize("words", documented(), ids=" ".join)
def test_a_documented_target_calls_what_there_is(words: Words, sandbox: Path) -> None:
    calls = run(sandbox, *words)
    assert calls or targets(words) <= {"help", "setup", "clean"}, "the recipe does nothing"
    for tool, *arguments in calls:
        assert shutil.which(tool, path=ROOT / ".venv/bin") or tool == "mkdocs", tool
        if tool == "python":
            assert arguments[0] == "-m"
            assert importlib.util.find_spec(arguments[1]), arguments[1]
        missing = [word for word in arguments if word.startswith("tests/") and not (ROOT / word).exists()]
        assert missing == [], words


def test_every_documented_target_is_executed_by_a_test_or_it_is_said_why_not() -> None:
    named = {name for words in documented() for name in targets(words)}
    assert named - RUN_BY.keys() - SANDBOX_ONLY.keys() == set(), "run it in a test, and name that in RUN_BY"
    assert RUN_BY.keys() & SANDBOX_ONLY.keys() == set()
    assert (RUN_BY.keys() | SANDBOX_ONLY.keys()) - named == set(), "no page shows it any more"


@pytest.mark.parametrize(("target", "file"), RUN_BY.items())
def test_the_file_that_is_named_runs_the_target(target: str, file: str) -> None:
    runs = rf'"make", "{target}"|\bmake\("{target}"|\brun\(\w+, "{target}"|^make {target}$'
    assert re.search(runs, (ROOT / file).read_text(), re.MULTILINE), f"{file} does not run `make {target}`"


def make(*words: str) -> str:
    """What `make` prints in the project's folder."""
    done = subprocess.run(
        ["make", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=patience(300)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_lists_every_documented_target() -> None:
    listed = {name for line in make("help").splitlines() for name in line.partition("  ")[0].split()}
    assert {name for words in documented() for name in targets(words)} - listed == set()


def test_the_reference_is_written_anew_without_a_change() -> None:
    before = {name: (DOCS / name).stat().st_mtime_ns for name in PAGES}
    make("reference")
    assert {name: (DOCS / name).stat().st_mtime_ns for name in PAGES} == before


def test_the_quick_part_of_a_release_is_built(tmp_path: Path) -> None:
    make("package", f"ARGS=--no-archive --out {tmp_path}/dist")
    built = {path.name for path in (tmp_path / "dist").iterdir()}
    assert {"moodstream.zip", "generator-lambda.zip", "RELEASE", "SHA256SUMS"} <= built


def test_cleaning_up_leaves_what_was_cloned(sandbox: Path) -> None:
    (sandbox / "build/dist").mkdir(parents=True)
    (sandbox / "streaming/__pycache__").mkdir(parents=True)
    run(sandbox, "clean")
    left = {path.name for path in sandbox.iterdir()} - {"note", "calls"}
    assert left == {"Makefile", "requirements", "requirements.lock", "pyproject.toml", "moodstream.py", "streaming"}
    assert list((sandbox / "streaming").iterdir()) == []

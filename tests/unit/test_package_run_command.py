"""The launcher that runs a command where there is no shell."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from deploy.emr import run_command


def a_module(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> str:
    (folder / "a_command.py").write_text(f"import sys\ndef main():\n{body}")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "a_command", raising=False)
    monkeypatch.setattr(sys, "argv", ["before"])
    return "a_command"


def test_the_last_line_that_says_something_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = a_module(tmp_path, monkeypatch, "    print('working'); print('{\"words\": 2}'); print(); return 0\n")
    code, output, error = run_command.run(module, ["model", "train"])
    assert (code, json.loads(output), error) == (0, {"words": 2}, "")


def test_a_refusal_keeps_its_exit_code_and_its_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = a_module(tmp_path, monkeypatch, "    sys.stderr.write('moodstream model: no\\n'); return 1\n")
    assert run_command.run(module, []) == (1, "", "moodstream model: no")


def test_a_command_that_leaves_by_itself_is_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = a_module(tmp_path, monkeypatch, "    sys.exit(2)\n")
    assert run_command.run(module, [])[0] == 2

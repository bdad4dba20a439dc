"""The code that a downloaded model carries."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from model.champion import load_scorer


def an_artefact(folder: Path, runtime: str) -> Path:
    bundle = folder / "artifacts" / "bundle"
    (bundle / "runtime").mkdir(parents=True)
    (bundle / "weights.npz").write_bytes(b"")
    (bundle / "runtime.sha256").write_text("0123456789abcdef0123")
    (bundle / "runtime" / "part.py").write_text("LOADED = True\n")
    (bundle / "runtime" / "__init__.py").write_text(runtime)
    return folder


def test_a_model_that_fails_to_load_leaves_no_half_made_module_behind(tmp_path: Path) -> None:
    broken = an_artefact(tmp_path / "broken", "from . import part\nraise OSError('the disk is full')\n")
    for _ in range(2):  # with the module left behind, the second error would be that it has no Scorer
        with pytest.raises(OSError, match="the disk is full"):
            load_scorer(broken)
    assert [name for name in sys.modules if name.startswith("moodstream_runtime_0123456789abcdef")] == []

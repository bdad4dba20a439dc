from __future__ import annotations

from pathlib import Path

import pytest

from model import cli, score


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["bake"], "invalid choice: 'bake'"),
        (["train", "--speed"], "unrecognized arguments: --speed"),
        (["train", "--mlflow-uri", "nowhere"], "--mlflow-uri is 'nowhere'"),
        (["evaluate"], "--data"),
        (["promote"], "no version and no alias 'challenger'"),
        (["rollback"], "no previous champion"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    argv: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(argv, {"MOODSTREAM_WORKDIR": str(tmp_path / "none")}) == 2
    errors = capsys.readouterr().err
    assert complaint in errors
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "none").exists()


def test_a_malformed_csv_is_reported_before_any_model_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "x.csv"
    data.write_text("text,label\nhi,so-so\n")
    assert cli.main(["evaluate", "--data", str(data), "--workdir", str(tmp_path)], {}) == 2
    assert "line 2: label 'so-so'" in capsys.readouterr().err


def test_listing_an_empty_registry_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "--workdir", str(tmp_path)], {}) == 0
    assert capsys.readouterr().out == "no versions yet\n"


def test_scoring_without_model_and_without_data_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"MOODSTREAM_WORKDIR": str(tmp_path / "w"), "MOODSTREAM_DATA": str(tmp_path / "none")}
    assert score.main(["hello"], environ) == 2
    assert "run `python -m deploy.local.datasets`" in capsys.readouterr().err.splitlines()[-1]


def test_scoring_nothing_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert score.main([], {}) == 2
    assert "TEXT" in capsys.readouterr().err

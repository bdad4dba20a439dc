"""The dashboard's page Next word: the words that the champion's training run expects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model.next_word import LanguageModel
from model.settings import MODEL_NAME
from tests.dashboard import NOW, SUMS, page, put, told

pytestmark = pytest.mark.filterwarnings("ignore")  # Streamlit's own


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    put(tmp_path, "gold/sentiment_by_minute", {"minute": NOW, "entity": "post", **SUMS, "late": 0})
    return tmp_path


def register(workdir: Path) -> None:
    """A champion whose run knows one sentence."""
    from mlflow import MlflowClient

    folder = workdir / "mlflow"
    folder.mkdir()
    uri = f"sqlite:///{folder}/mlflow.db"
    client: Any = MlflowClient(uri, uri)  # the default registry is the one that another test named last
    experiment = client.create_experiment("words", folder.as_uri())
    run = client.create_run(experiment)
    learnt = LanguageModel.learn(["i am happy today"] * 5).save(workdir)
    client.log_artifact(run.info.run_id, str(learnt))
    client.create_registered_model(MODEL_NAME)
    version = client.create_model_version(MODEL_NAME, folder.as_uri(), run.info.run_id)
    client.set_registered_model_alias(MODEL_NAME, "champion", version.version)


def test_words_follow_what_was_typed_and_a_button_appends_one(monkeypatch, workdir: Path) -> None:
    register(workdir)

    shown = page(monkeypatch, workdir, "Next word")
    assert not shown.exception
    assert shown.dataframe[0].value.iloc[0]["word"] == "happy"
    assert "Of champion version 1" in told(shown)

    shown = next(button for button in shown.button if button.label == "happy").click().run()
    assert shown.text_input[0].value == "i am happy"
    assert shown.dataframe[0].value.iloc[0]["word"] == "today"


def test_a_registry_without_a_model_says_what_to_do(monkeypatch, workdir: Path) -> None:
    shown = page(monkeypatch, workdir, "Next word")

    assert not shown.exception
    assert "moodstream model train" in shown.info[0].value


def test_a_lake_alone_has_no_registry_so_the_page_gives_the_command(monkeypatch, workdir: Path) -> None:
    shown = page(monkeypatch, workdir / "lake", "Next word")

    assert "without --mlflow-uri" in shown.info[0].value
    assert "moodstream model next-word" in shown.code[0].value

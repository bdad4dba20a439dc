"""The champion in the stream: pinned per batch, followed without a restart, refused when it is broken."""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
import pyarrow as pa
import pytest
from pyspark import cloudpickle
from pyspark.sql import SparkSession

from streaming.errors import ModelUnusable, SinkUnavailable
from streaming.files import Files
from streaming.scoring import champion as scoring
from streaming.scoring.archive import Model, score_texts
from streaming.scoring.champion import Champion

Scores = Callable[[list[str]], pd.DataFrame]


def scores(texts: list[str], sentiment: str = "positive", polarity: float = 0.5) -> pd.DataFrame:
    return pd.DataFrame({"sentiment": [sentiment] * len(texts), "polarity": polarity, "confidence": 0.9})


def fail_on_rain(texts: list[str]) -> pd.DataFrame:
    if "rain" in texts:
        raise ValueError("cannot stand rain")
    return scores(texts)


def an_archive(folder: Path, predict: Scores, metadata: dict[str, Any] | None = None) -> bytes:
    """A registered model's artefact, as the registry hands it out."""

    class Model(mlflow.pyfunc.PythonModel):
        def predict(self, context: Any, model_input: list[str], params: Any = None) -> pd.DataFrame:
            return predict(model_input)

    mlflow.pyfunc.save_model(folder, python_model=Model(), pip_requirements=[], metadata=metadata)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(folder, arcname=".")
    return archive.getvalue()


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    import cloudpickle

    import tests.integration.test_scoring_champion as here

    # Workers cannot import the tests: let the models carry their functions along.
    cloudpickle.register_pickle_by_value(here)
    folder = tmp_path_factory.mktemp("models")
    models: dict[str, Scores] = {
        "1": lambda texts: scores(texts, "neutral"),
        "2": scores,
        "fails on rain": fail_on_rain,
        "raises": lambda texts: 1 / 0,  # type: ignore[return-value]
        "not a number": lambda texts: scores(texts, polarity=float("nan")),
        "too few rows": lambda texts: scores(texts[1:]),
        "other columns": lambda texts: scores(texts)[["sentiment"]],
        "other labels": lambda texts: scores(texts, "meh"),
    }
    made = {name: an_archive(folder / str(number), predict) for number, (name, predict) in enumerate(models.items())}
    return made | {"english": an_archive(folder / "english", in_languages, {"languages": ["en"]})}


def in_languages(texts: list[str]) -> pd.DataFrame:
    """English and German, by a version with two models."""
    return scores(texts).assign(language=["de" if "regen" in text else "en" for text in texts], scored_by="encoder")


class FakeRegistry:
    """A registry whose alias and health a test sets."""

    def __init__(self, archives: dict[str, bytes], alias: str) -> None:
        self.archives = archives
        self.alias = alias
        self.down = False

    def champion(self) -> str:
        if self.down:
            raise ConnectionError("registry is down")
        return self.alias

    def download(self, version: str) -> bytes:
        if self.down:
            raise ConnectionError("registry is down")
        return self.archives[version]


@pytest.fixture
def registry(archives: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    monkeypatch.setattr(scoring, "PAUSE_AFTER_FAILURE", 0.0)
    return FakeRegistry(archives, "1")


def test_rows_carry_score_and_version_and_a_missing_text_has_neither(
    spark: SparkSession, registry: FakeRegistry, tmp_path: Path
) -> None:
    rows = spark.createDataFrame([(1, "sun"), (2, None), (3, "sun")], "id int, text string")
    scored = Champion(spark, registry, Files(), str(tmp_path)).score(rows, 0).orderBy("id").collect()
    assert [tuple(row)[2:] for row in scored] == [
        ("neutral", 0.5, 0.9, "und", None, None, "1"),
        (None, None, None, None, None, None, None),
        ("neutral", 0.5, 0.9, "und", None, None, "1"),
    ]


def test_a_text_in_a_language_that_the_version_does_not_serve_has_the_version_and_no_score(
    spark: SparkSession, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.alias = "english"
    texts = [(1, "rain", None), (2, "regen", None), (3, "regen", "en-GB"), (4, "rain", "de")]
    rows = spark.createDataFrame(texts, "id int, text string, lang string")
    scored = Champion(spark, registry, Files(), str(tmp_path)).score(rows, 0).orderBy("id").collect()
    unscored = (None, None, None, "de", "unsupported_language", None, "english")
    assert [tuple(row)[3:] for row in scored] == [
        ("positive", 0.5, 0.9, "en", None, "encoder", "english"),
        unscored,
        ("positive", 0.5, 0.9, "en", None, "encoder", "english"),
        unscored,
    ]


def test_a_moved_alias_serves_from_the_next_batch_on(
    spark: SparkSession, registry: FakeRegistry, tmp_path: Path
) -> None:
    champion = Champion(spark, registry, Files(), str(tmp_path))
    before = champion.version(0)
    registry.alias = "2"
    assert (before, champion.version(1), champion.version(2)) == ("1", "2", "2")


def test_a_replayed_batch_is_scored_by_the_version_it_had(
    spark: SparkSession, registry: FakeRegistry, tmp_path: Path
) -> None:
    Champion(spark, registry, Files(), str(tmp_path)).version(5)
    registry.alias = "2"
    restarted = Champion(spark, registry, Files(), str(tmp_path))
    assert (restarted.version(5), restarted.version(6)) == ("1", "2")


def test_an_outage_of_the_registry_stops_nothing(spark: SparkSession, registry: FakeRegistry, tmp_path: Path) -> None:
    champion = Champion(spark, registry, Files(), str(tmp_path))
    champion.version(0)
    registry.down = True
    restarted = Champion(spark, registry, Files(), str(tmp_path))
    assert [champion.version(1), restarted.version(1), restarted.version(2)] == ["1", "1", "1"]


def test_without_any_champion_the_hop_waits_for_one(
    spark: SparkSession, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.down = True
    champion = Champion(spark, registry, Files(), str(tmp_path))
    with pytest.raises(SinkUnavailable, match="moodstream model train"):
        champion.version(0)
    registry.down = False
    assert champion.version(0) == "1"


@pytest.mark.parametrize("broken", ["raises", "not a number", "too few rows", "other columns", "other labels"])
def test_a_broken_version_is_refused_and_the_old_one_goes_on(
    spark: SparkSession, registry: FakeRegistry, tmp_path: Path, broken: str
) -> None:
    champion = Champion(spark, registry, Files(), str(tmp_path))
    champion.version(0)
    registry.alias = broken
    assert (champion.version(1), champion.version(2)) == ("1", "1")
    assert list(Files().read_json(f"{tmp_path}/refused.json")) == [broken]
    registry.alias = "1"
    assert champion.version(3) == "1"
    assert Files().read_json(f"{tmp_path}/refused.json") == {}, "nobody names the broken version any more"
    registry.alias = "2"
    assert champion.version(4) == "2"


def test_a_version_without_its_artefact_is_reported_and_fetched_once_it_is_there(
    spark: SparkSession, registry: FakeRegistry, tmp_path: Path
) -> None:
    champion = Champion(spark, registry, Files(), str(tmp_path))
    champion.version(0)
    registry.alias = "3"
    assert champion.version(1) == "1"
    assert "3" in Files().read_json(f"{tmp_path}/refused.json")
    registry.archives = registry.archives | {"3": registry.archives["2"]}
    assert champion.version(2) == "3"
    assert Files().read_json(f"{tmp_path}/refused.json") == {}


def test_a_version_that_fails_on_real_texts_gives_way_to_the_one_before(
    spark: SparkSession, registry: FakeRegistry, tmp_path: Path
) -> None:
    champion = Champion(spark, registry, Files(), str(tmp_path))
    champion.version(0)
    registry.alias = "fails on rain"
    rows = spark.createDataFrame([("rain",)], "text string")
    with pytest.raises(Exception, match="ModelUnusable"):
        champion.score(rows, 1).collect()
    assert champion.fall_back(1, "cannot stand rain")
    assert [row.model_version for row in champion.score(rows, 1).collect()] == ["1"]
    assert not champion.fall_back(2, "and now this one too")


class Archive:
    """Stands in for a broadcast that holds an archive."""

    value = b"an archive"


def test_a_worker_loads_a_version_once_for_all_its_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[bytes] = []

    def load(archive: bytes) -> Model:
        loads.append(archive)
        return Model(lambda texts: scores(list(texts)))

    monkeypatch.setattr(scoring, "model_of", load)
    monkeypatch.setattr(scoring, "_loaded", {})
    sent = cloudpickle.dumps(scoring.Scorer(partial(scoring._model_in, Archive()), "7"))  # type: ignore[arg-type]
    for _task in range(3):
        (scored,) = pickle.loads(sent)([pa.record_batch({"text": ["sun", None]})])
        assert scored.to_pydict()["model_version"] == ["7", None]
    assert loads == [b"an archive"]


def test_each_distinct_text_is_scored_once() -> None:
    asked: list[list[str]] = []

    def predict(texts: Any) -> pd.DataFrame:
        asked.append(list(texts))
        return scores(list(texts))

    result = score_texts(predict, pd.Series(["a", "b", None, "a"]))
    assert asked == [["a", "b"]]
    assert result["sentiment"].isna().tolist() == [False, False, True, False]


def test_an_unsound_score_never_gets_into_a_table() -> None:
    with pytest.raises(ModelUnusable, match="polarity"):
        score_texts(lambda texts: scores(list(texts), polarity=1.5), pd.Series(["a"]))

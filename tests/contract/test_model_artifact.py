"""The registered model as any other program meets it: by its URI, without this project."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.airflow import checks
from model.champion import bundle_of, load_scorer
from model.evaluation import held_out
from model.registry import Registry
from model.settings import EXPERIMENT, Settings
from model.training import train
from streaming.scoring.drift import Retraining
from streaming.scoring.registry import MlflowRegistry
from streaming.tables import gold_drift_by_hour
from tests.model_rows import a_bundle, plain_rows
from tests.patience import patience

# Runs in a process of its own, in which importing any package of this project is an error.
STRANGER = """
import importlib.abc, json, sys
class Barred(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('model', 'streaming', 'generator', 'deploy', 'nltk', 'sklearn', 'textblob'):
            raise ImportError(f'{name} is barred')
sys.meta_path.insert(0, Barred())
import mlflow.pyfunc, warnings
warnings.simplefilter('error', UserWarning)
texts = ['I love it', None, 'I hate it', float('nan'), '', '\\x00', 'a' * 20000]
first, second = (mlflow.pyfunc.load_model(folder) for folder in sys.argv[1:3])
slow, fast = first.predict(texts), first.unwrap_python_model().predict(None, texts)
other = second.unwrap_python_model()
print(json.dumps({
    'columns': list(fast.columns), 'types': [str(kind) for kind in fast.dtypes], 'rows': len(fast),
    'labels': list(fast.sentiment[[0, 2]]), 'same': bool((slow == fast).all().all()),
    'languages': first.metadata.metadata['languages'],
    'explained': first.unwrap_python_model().explain('an awful day')[0][0],
    'runtimes': sorted(name for name in sys.modules if name.startswith('moodstream_runtime') and '.' not in name),
    'other': list(other.predict(None, ['I love it']).sentiment),
    'profile': sorted(other.profile(['so', 'what'])),
    'drift': sorted(other.drift(other.profile(['so', 'what']))),
    'diagnosis': other.diagnose(other.drift(other.profile(['zog blim'] * 200)), 200, model_changed=False)[0],
}))
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Two registered versions; the second's runtime differs and calls everything neutral."""
    folder = tmp_path_factory.mktemp("registry")
    made = Registry(Settings(f"sqlite:///{folder}/mlflow.db", folder / "artifacts", folder))
    for number in (1, 2):
        bundle = a_bundle(folder / f"bundle{number}")
        train.add_runtime(bundle)
        held_out.evaluate(bundle, plain_rows()[:60])
        if number == 2:
            scores = bundle / "runtime" / "scores.py"
            source = scores.read_text().replace("label = chances.argmax(1)", "label = np.ones(len(chances), int)")
            scores.write_text(source)
            train.seal_runtime(bundle)
        made.register(
            bundle,
            name="a run",
            description="a card",
            params={"C": 1},
            metrics={"m": 0.5},
            tags={"t": "x"},
            files=folder / "none",
        )
    return made


def test_the_page_of_mlflow_shows_what_a_version_is(registry: Registry) -> None:
    client = registry._client
    experiment = client.get_experiment_by_name(EXPERIMENT)
    (first, second) = client.search_model_versions(f"name='{Settings('', None, None).model_name}'")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert {first.description, second.description} == {"a card"}
    assert client.get_run(first.run_id).info.run_name == "a run"


def test_a_stranger_can_load_two_versions_side_by_side(registry: Registry, tmp_path: Path) -> None:
    folders = [str(registry.folder(number)) for number in ("1", "2")]
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, *folders],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=patience(120),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["columns"] == ["sentiment", "polarity", "confidence", "language"]
    assert found["types"] == ["object", "float64", "float64", "object"]
    assert found["languages"] == ["en"]
    assert found["rows"] == 7
    assert found["labels"] == ["positive", "negative"]
    assert found["same"]
    assert found["explained"] == "awful"
    assert len(found["runtimes"]) == 2
    assert found["other"] == ["neutral"]
    assert found["profile"] == sorted(gold_drift_by_hour.HISTOGRAMS)
    assert found["drift"] == sorted(gold_drift_by_hour.DISTANCES)
    assert found["diagnosis"] == gold_drift_by_hour.DATA


def test_the_artefact_holds_no_pickle(registry: Registry) -> None:
    names = {path.name for path in registry.folder("1").rglob("*") if path.is_file()}
    assert "weights.npz" in names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib", ".cloudpickle"))]


def test_the_version_carries_signature_and_tags(registry: Registry) -> None:
    import mlflow.models

    info = mlflow.models.get_model_info(str(registry.folder("1")))
    assert info.signature.outputs.input_names() == ["sentiment", "polarity", "confidence", "language"]
    assert registry.find("1").tags["t"] == "x"


def test_the_command_line_scores_with_the_code_of_the_version(registry: Registry) -> None:
    assert load_scorer(registry.folder("2")).score(["I love it"]).sentiment[0] == "neutral"
    assert load_scorer(registry.folder("1")).score(["I love it"]).sentiment[0] == "positive"
    assert bundle_of(registry.folder("1")).name == "bundle1"


def test_the_stream_asks_for_a_model_the_workflow_reads_it_and_training_answers(registry: Registry) -> None:
    uri = registry._settings.mlflow_uri
    assert checks.request_at(uri) is None
    assert Retraining(MlflowRegistry(uri, checks.MODEL)).ask("data", "1", "other words", datetime.now(UTC))
    asked = checks.request_at(uri)
    assert asked is not None
    assert (asked["cause"], asked["version"], asked["why"]) == ("data", "1", "other words")
    registry.answer_request("2")
    assert checks.request_at(uri) is None


def test_where_there_is_no_registry_yet_nobody_asks(tmp_path: Path) -> None:
    assert checks.request_at(f"sqlite:///{tmp_path}/mlflow.db") is None

"""The registered model's entry: MLflow runs this file by itself ("models from code"), wherever the model is loaded.

It finds the runtime package beside it in the artefact and imports it under a name made of its hash: nothing is
unpickled, the package `model` need not be installed, and two versions with different code live side by side.
"""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel


class Sentiment(PythonModel):
    """Texts to sentiment, polarity, confidence and language.

    `predict(context, texts)` takes a list (or Series, array, or a frame's first column) of texts and returns a frame of
    as many rows with the columns sentiment, polarity, confidence, language. Nulls and odd values are scored, never
    refused, and so are texts in languages that the model does not serve; those that it serves are the MLmodel file's
    metadata `languages`, or `*`. A text without words has the language `und`. A version with a second model has the
    column `scored_by` too: `linear`, or the name of the second model.
    Fastest is `unwrap_python_model().predict(None, list_of_str)`: it skips MLflow's schema checks.
    """

    # `predict` has no type hint for its texts: MLflow would check every one against it and refuse nulls. Without a hint
    # it warns at each load, unless this attribute is set.
    _skip_type_hint_validation = True

    def load_context(self, context: Any) -> None:
        """Load the weights that lie in the artefact; MLflow calls this once per process."""
        self._load(Path(context.artifacts["bundle"]))

    def _load(self, bundle: Path) -> None:
        name = "moodstream_runtime_" + (bundle / "runtime.sha256").read_text("utf-8").strip()[:16]
        if name not in sys.modules:
            entry = bundle / "runtime" / "__init__.py"
            spec = importlib.util.spec_from_file_location(name, entry, submodule_search_locations=[str(entry.parent)])
            if spec is None or spec.loader is None:
                raise ImportError(f"no runtime in {bundle}")
            package = importlib.util.module_from_spec(spec)
            sys.modules[name] = package
            try:
                spec.loader.exec_module(package)
            except BaseException:  # the next try must run the whole module again
                for loaded in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
                    del sys.modules[loaded]
                raise
        self._runtime: Any = sys.modules[name]
        self._scorer = self._runtime.load(bundle)
        self._reference = json.loads((bundle / "reference.json").read_text("utf-8"))

    def predict(self, context: Any, model_input, params=None) -> pd.DataFrame:  # type: ignore[no-untyped-def]  # noqa: ARG002
        """Score texts; see the class."""
        if isinstance(model_input, pd.DataFrame):
            model_input = model_input.iloc[:, 0]
        return pd.DataFrame(self._scorer.columns(list(model_input)))

    def profile(self, texts: Any) -> dict[str, list[int]]:
        """Histograms of the texts' lengths, words and scores; the sum of profiles is the profile of all their texts."""
        found: dict[str, list[int]] = self._scorer.profile(list(texts))
        return found

    def drift(self, profile: dict[str, list[int]], reference: dict[str, list[int]] | None = None) -> dict[str, float]:
        """Distances of a profile from `reference`, by default that of the texts which the model was evaluated on."""
        found: dict[str, float] = self._runtime.drift.compare(reference or self._reference, profile)
        return found

    def diagnose(self, drift: dict[str, float], texts: int, *, model_changed: bool = False) -> tuple[str, str] | None:
        """What changed, as (data, audience or model; a sentence), or None."""
        found: tuple[str, str] | None = self._runtime.drift.diagnose(drift, texts, model_changed=model_changed)
        return found

    def explain(self, text: str, most: int = 5) -> list[tuple[str, float]]:
        """The `most` terms that decided, the strongest first: (term, polarity lost without it)."""
        found: list[tuple[str, float]] = self._scorer.explain(text, most)
        return found


mlflow.models.set_model(Sentiment())

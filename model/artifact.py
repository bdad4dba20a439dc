"""The registered model's entry: MLflow runs this file by itself ("models from code"), wherever the model is loaded.

It finds the runtime package beside it in the artefact and imports it under a name made of the runtime's own hash: nothing is
unpickled, the package `model` need not be installed, and two versions with different code live side by side.
"""

import importlib.util
import sys
import warnings
from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
import pandas as pd

# `predict` has no type hint for its texts: MLflow would check every one against it and refuse nulls. It warns of that.
warnings.filterwarnings("ignore", message=".*type hints.*", module="mlflow.*")


class Sentiment(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Texts to sentiment, polarity and confidence.

    `predict(context, texts)` takes a list (or Series, array, or a frame's first column) of texts and returns a frame of as
    many rows with the columns sentiment, polarity, confidence. Nulls and odd values are scored as texts, never refused.
    Fastest is `unwrap_python_model().predict(None, list_of_str)`: it skips MLflow's schema checks.
    """

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
            except BaseException:
                del sys.modules[name]
                raise
        self._scorer = sys.modules[name].Scorer.load(bundle)

    def predict(self, context: Any, model_input, params=None) -> pd.DataFrame:  # type: ignore[no-untyped-def]  # noqa: ARG002
        """Score texts; see the class."""
        if isinstance(model_input, pd.DataFrame):
            model_input = model_input.iloc[:, 0]
        return pd.DataFrame(self._scorer.columns(list(model_input)))

    def explain(self, text: str, most: int = 5) -> list[tuple[str, float]]:
        """The terms that decided: (term, polarity lost without it)."""
        found: list[tuple[str, float]] = self._scorer.explain(text, most)
        return found


mlflow.models.set_model(Sentiment())

"""The champion, opened for use on this machine: registered version, its artefact, and the scorer inside it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model.errors import DataUnavailable, NoModel
from model.registry import CHAMPION, Registry
from model.runtime import Scorer
from model.settings import Settings


@dataclass(frozen=True)
class Champion:
    """A registered version in memory."""

    version: str
    scorer: Scorer


def open_champion(settings: Settings, say: Callable[[str], None], word: str = CHAMPION) -> Champion:
    """Load the version that `word` (a number or an alias) names; see `champion_folder`."""
    number, folder = champion_folder(settings, say, word)
    return Champion(number, load_scorer(folder))


def champion_folder(settings: Settings, say: Callable[[str], None], word: str = CHAMPION) -> tuple[str, Path]:
    """The number and the artefact's local folder of the version that `word` (a number or an alias) names.

    Where nothing at all is registered in the local registry yet, a first model is trained (about a minute), as long as
    the labelled data are there; else raises NoModel.
    """
    registry = Registry(settings)
    if word == CHAMPION and settings.database and not registry.versions():
        from model.promotion.lifecycle import TrainOptions, train_and_register

        say(f"no model in {settings.mlflow_uri} yet: training one (about a minute)")
        try:
            train_and_register(settings, registry, TrainOptions(), say)
        except DataUnavailable as error:
            raise NoModel(f"no model is registered and none can be trained: {error}") from error
    version = registry.find(word)
    return version.number, registry.folder(version.number)


def bundle_of(folder: Path) -> Path:
    """The bundle inside a downloaded artefact; raises NoModel when it is none of ours."""
    found = sorted(folder.glob("artifacts/*/weights.npz"))
    if not found:
        raise NoModel(f"{folder} holds no Moodstream model")
    return found[0].parent


def load_scorer(folder: Path) -> Scorer:
    """The scorer of a downloaded artefact, run by the code that the artefact itself carries."""
    bundle = bundle_of(folder)
    name = "moodstream_runtime_" + (bundle / "runtime.sha256").read_text("utf-8").strip()[:16]
    if name not in sys.modules:
        entry = bundle / "runtime" / "__init__.py"
        spec = importlib.util.spec_from_file_location(name, entry, submodule_search_locations=[str(entry.parent)])
        if spec is None or spec.loader is None:
            raise NoModel(f"{bundle} carries no runtime")
        package = importlib.util.module_from_spec(spec)
        sys.modules[name] = package
        try:
            spec.loader.exec_module(package)
        except BaseException:  # the next try must run the whole module again
            for loaded in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
                del sys.modules[loaded]
            raise
    scorer: Scorer = sys.modules[name].Scorer.load(bundle)
    return scorer

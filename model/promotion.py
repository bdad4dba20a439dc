"""Promotion and rollback, and the gates that a version must pass. A gate returns a sentence for each reason to refuse.

The quality gate compares macro-F1 on the held-out texts, the same tenth for every version; each bundle carries its
predictions for them, so the gate needs no data. The speed gate times both versions on this machine, alternating. The
other gates read the version's tags: those of shadow scoring (`shadow_texts`, `shadow_agreement`, `shadow_failures`)
and, once people labelled enough of the stream's texts, those of the labels (`labelled_texts`, `labelled_macro_f1`,
`labelled_served_macro_f1`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.champion import bundle_of, load_scorer
from model.errors import GateClosed, NoModel
from model.evaluation import held_out, metrics
from model.registry import CHAMPION, PREVIOUS, Registry, Version
from model.runtime import Cascade, Scorer

MIN_GAIN = -0.01
MAX_SLOWDOWN = 1.5
MAX_CALIBRATION_ERROR = 0.15
MIN_AGREEMENT = 0.6
MIN_SHADOW_TEXTS = 100
# On 200 texts the difference of two macro-F1 has a standard error of about 0.03: a smaller loss may be chance.
MIN_LABELLED_TEXTS = 200
MAX_LABELLED_LOSS = 0.05


@dataclass(frozen=True)
class HeldOutPredictions:
    """A bundle's predictions for n held-out texts: the texts' hashes, labels and predictions, each (n,).

    `truth` and `predicted` are places in LABELS.
    """

    hashes: npt.NDArray[np.uint64]
    truth: npt.NDArray[np.intp]
    predicted: npt.NDArray[np.intp]

    @classmethod
    def load(cls, bundle: Path) -> HeldOutPredictions:
        """Read `held_out.npz` of a bundle; raises FileNotFoundError for versions of older releases, which have none."""
        with np.load(bundle / "held_out.npz", allow_pickle=False) as stored:
            return cls(stored["hashes"], stored["truth"].astype(int), stored["predicted"].astype(int))


def promote(registry: Registry, word: str, *, force: bool, budget_us: float = 0.0) -> Version:
    """Make the version of a number or an alias champion; the champion so far becomes `previous`.

    `budget_us`: processor microseconds that a text may take, where that is more than the gate of speed allows.
    Raises NoModel if there is no such version, GateClosed if it is champion already or, unless `force`, fails a gate.
    """
    candidate = registry.find(word)
    champion = registry.by_alias(CHAMPION)
    if champion and champion.number == candidate.number:
        raise GateClosed(f"version {candidate.number} is the champion already")
    if champion and not force:
        check(registry, champion, candidate, budget_us)
    if champion:
        registry.point(PREVIOUS, champion.number)
    registry.point(CHAMPION, candidate.number)
    return registry.find(candidate.number)


def roll_back(registry: Registry) -> Version:
    """Exchange champion and `previous`, so that a second call undoes the first; raises NoModel without a previous."""
    previous, champion = registry.by_alias(PREVIOUS), registry.by_alias(CHAMPION)
    if previous is None:
        raise NoModel("there is no previous champion to go back to")
    registry.point(CHAMPION, previous.number)
    if champion:
        registry.point(PREVIOUS, champion.number)
    return registry.find(previous.number)


def check(registry: Registry, champion: Version, candidate: Version, budget_us: float = 0.0) -> None:
    """Raise GateClosed, with the reasons of all closed gates, unless the candidate passes."""
    ours, theirs = registry.folder(candidate.number), registry.folder(champion.number)
    closed = [
        *quality(_predictions(champion, theirs), _predictions(candidate, ours)),
        *speed(_costs(registry, champion, candidate), budget_us),
        *tagged(candidate.tags),
    ]
    if closed:
        raise GateClosed(
            f"version {candidate.number} is not promoted: {'; '.join(closed)} (--force promotes it all the same)"
        )


def _predictions(version: Version, folder: Path) -> HeldOutPredictions:
    try:
        return HeldOutPredictions.load(bundle_of(folder))
    except FileNotFoundError as error:
        raise GateClosed(
            f"version {version.number} cannot be compared: trained by an older release, it carries no held_out.npz"
            " (train anew, or promote with --force)"
        ) from error


def quality(champion: HeldOutPredictions, candidate: HeldOutPredictions) -> list[str]:
    """Refuse a candidate that may be worse: paired bootstrap of macro-F1 on the texts that both held out."""
    _, one, other = np.intersect1d(champion.hashes, candidate.hashes, return_indices=True)
    if len(one) < 100:
        return [f"only {len(one)} held-out texts in common with the champion"]
    gain, low, high = metrics.paired_bootstrap(
        candidate.truth[other], champion.predicted[one], candidate.predicted[other]
    )
    if low >= MIN_GAIN:
        return []
    return [f"macro-F1 {gain:+.3f} ({low:+.3f} to {high:+.3f}) on {len(one)} held-out texts"]


def speed(costs: Sequence[float], budget_us: float = 0.0) -> list[str]:
    """Refuse a candidate that needs more processor time a text than `budget_us` and MAX_SLOWDOWN times the champion's.

    `costs`: microseconds a text of the champion and of the candidate.
    """
    allowed = max(MAX_SLOWDOWN * costs[0], budget_us)
    if costs[1] <= allowed:
        return []
    return [
        f"{costs[1]:.1f} us a text, the champion needs {costs[0]:.1f} (--budget-us {costs[1] + 1:.0f} allows so much)"
    ]


def tagged(tags: Mapping[str, str]) -> list[str]:
    """Refuse a version whose tags show bad calibration, failed or differing shadow scores, or a loss on labels."""
    closed = []
    error = float(tags.get("calibration_error", 0))
    if error > MAX_CALIBRATION_ERROR:
        closed.append(f"calibration error {error:.2f}, at most {MAX_CALIBRATION_ERROR} is allowed")
    if int(tags.get("shadow_failures", 0)):
        closed.append(f"{tags['shadow_failures']} batches failed in the shadow")
    agreement = float(tags.get("shadow_agreement", 1))
    if int(tags.get("shadow_texts", 0)) >= MIN_SHADOW_TEXTS and agreement < MIN_AGREEMENT:
        closed.append(f"agrees with the champion on {agreement:.0%} of the stream only")
    return closed + labelled(tags)


def labelled(tags: Mapping[str, str]) -> list[str]:
    """Refuse a version that does worse than the served sentiments, on texts of the stream that people labelled."""
    texts = int(tags.get("labelled_texts", 0))
    if texts < MIN_LABELLED_TEXTS:
        return []
    own, served = float(tags["labelled_macro_f1"]), float(tags["labelled_served_macro_f1"])
    if own >= served - MAX_LABELLED_LOSS:
        return []
    return [f"macro-F1 {own:.3f} on {texts} labelled texts of the stream, where {served:.3f} was served"]


def labels_summary(tags: Mapping[str, str]) -> str:
    """One line with the version's macro-F1 on labelled texts of the stream, enough for the gate or not."""
    texts = int(tags.get("labelled_texts", 0))
    if not texts:
        return "no labels of the stream yet (`moodstream label`)"
    measured = f"macro-F1 {float(tags['labelled_macro_f1']):.3f} on {texts} labelled texts of the stream"
    few = f", too few to count (from {MIN_LABELLED_TEXTS})" if texts < MIN_LABELLED_TEXTS else ""
    return f"{measured}, {float(tags['labelled_served_macro_f1']):.3f} was served{few}"


def _costs(registry: Registry, champion: Version, candidate: Version) -> list[float]:
    """Processor microseconds a text of both versions, timed here and now.

    One with a second model takes minutes to be timed, and made-up texts would leave its linear model unsure more often
    than a stream does: what was measured when it was registered counts.
    """
    if any("second_model" in version.tags for version in (champion, candidate)):
        return [float(version.tags["microseconds_per_text"]) for version in (champion, candidate)]
    folders = [registry.folder(version.number) for version in (champion, candidate)]
    scorers = [load_scorer(folder) for folder in folders]
    texts = held_out.made_up_texts(bundle_of(folders[0]))
    return [min(costs) for costs in zip(*_timings(scorers, texts), strict=True)]


def _timings(scorers: list[Scorer | Cascade], texts: list[str]) -> list[list[float]]:
    """Five rounds of microseconds a text for each scorer; they alternate, so that other load slows both."""
    for scorer in scorers:
        scorer.score(texts)
    return [[held_out.speed(scorer, texts, rounds=1) for scorer in scorers] for _ in range(5)]

"""What a candidate has to show before it becomes champion. Each gate is a sentence when it is closed.

Quality is judged on held-out texts, the same tenth for every version: both bundles carry what they said about them, so
the data are not needed. Speed is measured here and now, turn by turn. What the shadow run wrote on the version's tags
(`shadow_texts`, `shadow_agreement`, `shadow_failures`) counts when it is there, and so does what people's labels of the
stream's texts say (`labelled_texts`, `labelled_macro_f1`, `labelled_served_macro_f1`) once there are enough of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.champion import bundle_of, load_scorer
from model.errors import GateClosed
from model.evaluation import judge, metrics
from model.registry import Registry, Version

WORST_LOSS = -0.01
MOST_SLOWER = 1.5
MOST_CALIBRATION_ERROR = 0.15
LEAST_AGREEMENT = 0.6
LEAST_SHADOW_TEXTS = 100
# The difference of two models on so few texts has a standard error of 0.03 or so: the bound lets chance pass.
LEAST_LABELLED_TEXTS = 200
MOST_LABELLED_LOSS = 0.05


@dataclass(frozen=True)
class Judged:
    """What a bundle said about the held-out texts, by the texts' hashes."""

    hashes: npt.NDArray[np.uint64]
    truth: npt.NDArray[np.intp]
    predicted: npt.NDArray[np.intp]

    @classmethod
    def load(cls, bundle: Path) -> Judged:
        """Read `held_out.npz` of a bundle; raises FileNotFoundError for a version from before such files."""
        with np.load(bundle / "held_out.npz", allow_pickle=False) as stored:
            return cls(stored["hashes"], stored["truth"].astype(int), stored["predicted"].astype(int))


def check(registry: Registry, champion: Version, candidate: Version) -> None:
    """Raise GateClosed with every gate that the candidate does not pass."""
    ours, theirs = registry.folder(candidate.number), registry.folder(champion.number)
    closed = [
        *quality(_judged(champion, theirs), _judged(candidate, ours)),
        *speed(theirs, ours),
        *tagged(candidate.tags),
    ]
    if closed:
        raise GateClosed(
            f"version {candidate.number} is not promoted: {'; '.join(closed)} (--force promotes it all the same)"
        )


def _judged(version: Version, folder: Path) -> Judged:
    try:
        return Judged.load(bundle_of(folder))
    except FileNotFoundError as error:
        raise GateClosed(
            f"version {version.number} cannot be compared: trained by an older release, it carries no held_out.npz"
            " (train anew, or promote with --force)"
        ) from error


def quality(champion: Judged, candidate: Judged) -> list[str]:
    """Closed when the candidate may be worse: paired bootstrap of macro-F1 on the texts that both held out."""
    _, one, other = np.intersect1d(champion.hashes, candidate.hashes, return_indices=True)
    if len(one) < 100:
        return [f"only {len(one)} held-out texts in common with the champion"]
    gain, low, high = metrics.paired_bootstrap(
        candidate.truth[other], champion.predicted[one], candidate.predicted[other]
    )
    if low >= WORST_LOSS:
        return []
    return [f"macro-F1 {gain:+.3f} ({low:+.3f} to {high:+.3f}) on {len(one)} held-out texts"]


def speed(champion: Path, candidate: Path) -> list[str]:
    """Closed when a text costs much more processor time than with the champion."""
    scorers = [load_scorer(champion), load_scorer(candidate)]
    texts = judge.made_up_texts(bundle_of(champion))
    costs = [min(costs) for costs in zip(*_turns(scorers, texts), strict=True)]
    if costs[1] <= MOST_SLOWER * costs[0]:
        return []
    return [f"{costs[1]:.1f} us a text, the champion needs {costs[0]:.1f}"]


def tagged(tags: Mapping[str, str]) -> list[str]:
    """Closed by what is known of the version: its calibration, and its run in the shadow if it had one."""
    closed = []
    error = float(tags.get("calibration_error", 0))
    if error > MOST_CALIBRATION_ERROR:
        closed.append(f"calibration error {error:.2f}, at most {MOST_CALIBRATION_ERROR} is allowed")
    if int(tags.get("shadow_failures", 0)):
        closed.append(f"{tags['shadow_failures']} batches failed in the shadow")
    agreement = float(tags.get("shadow_agreement", 1))
    if int(tags.get("shadow_texts", 0)) >= LEAST_SHADOW_TEXTS and agreement < LEAST_AGREEMENT:
        closed.append(f"agrees with the champion on {agreement:.0%} of the stream only")
    return closed + labelled(tags)


def labelled(tags: Mapping[str, str]) -> list[str]:
    """Closed when the version is worse than what was served, on texts of the stream that people labelled."""
    texts = int(tags.get("labelled_texts", 0))
    if texts < LEAST_LABELLED_TEXTS:
        return []
    own, served = float(tags["labelled_macro_f1"]), float(tags["labelled_served_macro_f1"])
    if own >= served - MOST_LABELLED_LOSS:
        return []
    return [f"macro-F1 {own:.3f} on {texts} labelled texts of the stream, where {served:.3f} was served"]


def labels_told(tags: Mapping[str, str]) -> str:
    """What people's labels say of a version, be it enough to close a gate or not."""
    texts = int(tags.get("labelled_texts", 0))
    if not texts:
        return "no labels of the stream yet (`moodstream label`)"
    told = f"macro-F1 {float(tags['labelled_macro_f1']):.3f} on {texts} labelled texts of the stream"
    few = f", too few to count (from {LEAST_LABELLED_TEXTS})" if texts < LEAST_LABELLED_TEXTS else ""
    return f"{told}, {float(tags['labelled_served_macro_f1']):.3f} was served{few}"


def _turns(scorers: list[judge.Scorer], texts: list[str]) -> list[list[float]]:
    for scorer in scorers:
        scorer.score(texts)
    return [[judge.speed(scorer, texts, rounds=1) for scorer in scorers] for _ in range(5)]

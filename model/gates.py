"""What a candidate has to show before it becomes champion. Each gate is a sentence when it is closed.

Quality is judged on held-out texts, the same tenth for every version: both bundles carry what they said about them, so
the data are not needed. Speed is measured here and now, turn by turn. What the shadow run wrote on the version's tags
(`shadow_texts`, `shadow_agreement`, `shadow_failures`) counts when it is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model import judging, metrics
from model.champion import bundle_of, load_scorer
from model.errors import GateClosed
from model.registry import Registry, Version

WORST_LOSS = -0.01
MOST_SLOWER = 1.5
MOST_CALIBRATION_ERROR = 0.15
LEAST_AGREEMENT = 0.6
LEAST_SHADOW_TEXTS = 100


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
    texts = judging.made_up_texts(bundle_of(champion))
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
    return closed


def _turns(scorers: list[judging.Scorer], texts: list[str]) -> list[list[float]]:
    for scorer in scorers:
        scorer.score(texts)
    return [[judging.speed(scorer, texts, rounds=1) for scorer in scorers] for _ in range(5)]

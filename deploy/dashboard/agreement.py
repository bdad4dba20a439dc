"""How far two raters agree on texts: their share of equal labels and Cohen's kappa, each with a 95 % interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from deploy.dashboard.change import Z_95

SECOND = ["second_label", "second_source"]


@dataclass(frozen=True)
class Estimate:
    """A value, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """The agreement on `texts` texts. `kappa` is None where both raters give one label only: chance explains it all."""

    texts: int
    share: Estimate
    kappa: Estimate | None

    @property
    def sentence(self) -> str:
        """Both measures in words."""
        text = f"{self.share.value:.0%} of {self.texts:,} texts ({self.share.low:.0%} to {self.share.high:.0%})"
        if self.kappa is None:
            return text
        return f"{text}, Cohen's kappa {self.kappa.value:.2f} ({self.kappa.low:.2f} to {self.kappa.high:.2f})"


def between(first: Sequence[str], second: Sequence[str]) -> Agreement | None:
    """The agreement of two raters' labels of the same texts; None without a text."""
    texts = len(first)
    if not texts:
        return None
    same = sum(one == other for one, other in zip(first, second, strict=True))
    share = _wilson(same, texts)
    ones, others = Counter(first), Counter(second)
    chance = sum(ones[label] * others[label] for label in ones) / texts**2
    if chance == 1:
        return Agreement(texts, share, None)
    # As in Cohen's own standard error, the agreement by chance counts as known.
    kappa = (max((value - chance) / (1 - chance), -1.0) for value in (share.value, share.low, share.high))
    return Agreement(texts, share, Estimate(*kappa))


def _wilson(same: int, texts: int) -> Estimate:
    """Wilson's interval: it has a width even where all labels are equal."""
    share, weight = same / texts, Z_95**2 / texts
    middle = (share + weight / 2) / (1 + weight)
    half = Z_95 * math.sqrt(share * (1 - share) / texts + weight / (4 * texts)) / (1 + weight)
    return Estimate(share, max(middle - half, 0.0), min(middle + half, 1.0))


def of_people(labels: pd.DataFrame) -> dict[tuple[str, str], Agreement]:
    """The agreement of each two people who labelled the same texts, of rows of silver/labels."""
    both = labels.dropna(subset=SECOND)
    swapped = both["source"] > both["second_source"]
    names = ["source", "label", "second_source", "second_label"]
    ordered = both[names].copy()
    ordered.loc[swapped] = both.loc[swapped, [*names[2:], *names[:2]]].to_numpy()
    found = {}
    for (one, other), rows in ordered.groupby(["source", "second_source"]):
        if agreed := between(list(rows["label"]), list(rows["second_label"])):
            found[str(one), str(other)] = agreed
    return found

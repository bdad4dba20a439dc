"""How far counts are from what was expected, in standard deviations, and which of many such distances are no chance.

Square roots and arcsines make the spread of counts and shares nearly normal, in small samples too.
"""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

# Texts with the expected shares that are added to every sample: a share of three texts says nothing.
SHRINKAGE = 4.0
# A smaller distance is never significant among hundreds of series, so its probability is not computed.
NOT_WORTH = 2.5


def share_distance(found: Numbers, texts: Numbers, expected: Numbers) -> Numbers:
    """Distances of the shares `found / texts` from the expected shares; 0 where there are no texts."""
    shrunk = (found + SHRINKAGE * expected) / (texts + SHRINKAGE)
    turned = np.arcsin(np.sqrt(np.clip(shrunk, 0, 1))) - np.arcsin(np.sqrt(expected))
    distances: Numbers = 2 * turned * (texts + SHRINKAGE) ** 0.5
    return distances


def count_distance(found: Numbers, expected: Numbers) -> Numbers:
    """Distances of counts from expected counts."""
    distances: Numbers = 2 * (np.sqrt(found + 0.375) - np.sqrt(expected + 0.375))
    return distances


def chances(distances: Numbers) -> Numbers:
    """The two-sided probability of each distance by chance; 1 for those that are not worth a look."""
    found = np.ones(distances.shape)
    for place in np.flatnonzero(np.abs(distances) > NOT_WORTH):
        found.flat[place] = erfc(abs(distances.flat[place]) / sqrt(2))
    return found


def false_discovery_rates(chance: Numbers) -> Numbers:
    """Benjamini-Hochberg: for each test the share of false alarms among all tests that are at least as clear."""
    flat = chance.ravel()
    order = np.argsort(flat)
    rates = flat[order] * len(flat) / np.arange(1, len(flat) + 1)
    adjusted = np.empty(len(flat))
    adjusted[order] = np.minimum(np.minimum.accumulate(rates[::-1])[::-1], 1.0)
    return adjusted.reshape(chance.shape)

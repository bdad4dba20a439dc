"""Distances of counts from expected counts, in standard deviations, and the significance of many such distances.

Square roots of counts and arcsines of shares are nearly normally distributed, in small samples too.
"""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

# This many texts with the expected shares are added to every sample, because a share of three texts is noise.
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
    """The two-sided p-value of each distance; 1 for distances below NOT_WORTH."""
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

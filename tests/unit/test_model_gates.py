from __future__ import annotations

import numpy as np
import pytest

from model import gates
from model.gates import Judged

HASHES = np.arange(600, dtype=np.uint64)
TRUTH = np.tile([0, 1, 2], 200)


def judged(wrong: int, hashes: np.ndarray[tuple[int], np.dtype[np.uint64]] = HASHES) -> Judged:
    """What a version said that is wrong on the first `wrong` texts."""
    predicted = TRUTH.copy()
    predicted[:wrong] = (predicted[:wrong] + 1) % 3
    return Judged(hashes, TRUTH, predicted)


def test_an_equal_candidate_passes() -> None:
    assert gates.quality(judged(100), judged(100)) == []


def test_a_better_candidate_passes() -> None:
    assert gates.quality(judged(100), judged(50)) == []


def test_a_worse_candidate_is_held_back_with_the_difference() -> None:
    (reason,) = gates.quality(judged(50), judged(100))
    assert "macro-F1 -0.08" in reason


def test_only_texts_that_both_held_out_count() -> None:
    assert gates.quality(judged(0), judged(0, HASHES + 550)) == ["only 50 held-out texts in common with the champion"]


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"calibration_error": "0.3"}, "calibration error 0.30"),
        ({"shadow_failures": "2"}, "2 batches failed in the shadow"),
        ({"shadow_texts": "5000", "shadow_agreement": "0.4"}, "agrees with the champion on 40%"),
    ],
)
def test_what_is_known_of_a_version_can_close_a_gate(tags: dict[str, str], reason: str) -> None:
    (closed,) = gates.tagged(tags)
    assert reason in closed


def test_a_shadow_run_of_a_few_texts_does_not_count() -> None:
    assert gates.tagged({"shadow_texts": "20", "shadow_agreement": "0.1"}) == []

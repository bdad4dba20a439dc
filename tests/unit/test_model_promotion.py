from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from model import promotion
from model.errors import GateClosed
from model.promotion import HeldOutPredictions
from model.registry import Registry, Version
from tests.model_rows import a_bundle

HASHES = np.arange(600, dtype=np.uint64)
TRUTH = np.tile([0, 1, 2], 200)


def predictions(wrong: int, hashes: np.ndarray[tuple[int], np.dtype[np.uint64]] = HASHES) -> HeldOutPredictions:
    """The predictions of a version that is wrong on the first `wrong` texts."""
    predicted = TRUTH.copy()
    predicted[:wrong] = (predicted[:wrong] + 1) % 3
    return HeldOutPredictions(hashes, TRUTH, predicted)


def test_an_equal_candidate_passes() -> None:
    assert promotion.quality(predictions(100), predictions(100)) == []


def test_a_better_candidate_passes() -> None:
    assert promotion.quality(predictions(100), predictions(50)) == []


def test_a_worse_candidate_is_held_back_with_the_difference() -> None:
    (reason,) = promotion.quality(predictions(50), predictions(100))
    assert "macro-F1 -0.08" in reason


def test_only_texts_that_both_held_out_count() -> None:
    assert promotion.quality(predictions(0), predictions(0, HASHES + 550)) == [
        "only 50 held-out texts in common with the champion"
    ]


def test_a_slower_candidate_passes_only_within_what_a_text_may_cost() -> None:
    assert promotion.speed([10.0, 15.0]) == []
    (reason,) = promotion.speed([10.0, 4000.0])
    assert reason == "4000.0 us a text, the champion needs 10.0 (--budget-us 4001 allows so much)"
    assert promotion.speed([10.0, 4000.0], budget_us=5000) == []
    assert promotion.speed([10.0, 14.0], budget_us=1) == []


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"calibration_error": "0.3"}, "calibration error 0.30"),
        ({"shadow_failures": "2"}, "2 batches failed in the shadow"),
        ({"shadow_texts": "5000", "shadow_agreement": "0.4"}, "agrees with the champion on 40%"),
    ],
)
def test_what_is_known_of_a_version_can_close_a_gate(tags: dict[str, str], reason: str) -> None:
    (closed,) = promotion.tagged(tags)
    assert reason in closed


def test_a_shadow_run_of_a_few_texts_does_not_count() -> None:
    assert promotion.tagged({"shadow_texts": "20", "shadow_agreement": "0.1"}) == []


def labelled_by_people(texts: int, own: float, served: float) -> dict[str, str]:
    return {
        "labelled_texts": str(texts),
        "labelled_macro_f1": f"{own:.4f}",
        "labelled_served_macro_f1": f"{served:.4f}",
    }


def test_a_version_that_is_worse_where_people_labelled_the_stream_is_held_back() -> None:
    assert promotion.tagged(labelled_by_people(200, 0.50, 0.62)) == [
        "macro-F1 0.500 on 200 labelled texts of the stream, where 0.620 was served"
    ]


@pytest.mark.parametrize(
    ("tags", "summary"),
    [
        ({}, "no labels of the stream yet"),
        (labelled_by_people(199, 0.2, 0.7), "0.700 was served, too few to count (from 200)"),
        (labelled_by_people(200, 0.60, 0.64), "macro-F1 0.600 on 200 labelled texts of the stream, 0.640 was served"),
    ],
)
def test_no_or_few_labels_or_a_difference_by_chance_hold_nothing_back_and_are_reported(
    tags: dict[str, str], summary: str
) -> None:
    assert promotion.tagged(tags) == []
    assert summary in promotion.labels_summary(tags)


class RegistryOfFolders:
    """The one thing that gates ask a registry for."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, number: str) -> Path:
        return self._root / number


def test_a_version_without_predictions_is_held_back_with_one_sentence(tmp_path: Path) -> None:
    for number in ("1", "2"):
        a_bundle(tmp_path / number / "artifacts" / "bundle")
    registry = cast(Registry, RegistryOfFolders(tmp_path))
    with pytest.raises(
        GateClosed, match=r"^version 1 cannot be compared: trained by an older release, it carries no held_out\.npz"
    ) as closed:
        promotion.check(registry, Version("1", {}, (), ""), Version("2", {}, (), ""))
    assert "--force" in str(closed.value)
    assert "\n" not in str(closed.value)

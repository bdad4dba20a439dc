from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from model.evaluation import metrics

TRUTH = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2])
CALLED = np.array([0, 1, 1, 1, 2, 2, 2, 0, 2])


def test_macro_f1_is_the_usual_one() -> None:
    assert metrics.macro_f1(TRUTH, CALLED) == pytest.approx(f1_score(TRUTH, CALLED, average="macro"))


def test_macro_f1_ignores_a_label_that_never_occurs() -> None:
    assert metrics.macro_f1(np.array([0, 2]), np.array([0, 2])) == 1.0


def test_the_summary_has_the_keys_of_the_contract() -> None:
    found = metrics.summary(TRUTH, CALLED)
    assert set(found) == {"accuracy", "macro_f1", "macro_recall", "per_class", "confusion"}
    assert found["confusion"]["positive"] == {"negative": 1, "neutral": 0, "positive": 3}
    assert found["per_class"]["negative"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "rows": 2}


def test_an_interval_holds_the_score_and_shrinks_with_rows() -> None:
    low, high = metrics.interval(TRUTH, CALLED)
    assert low < metrics.macro_f1(TRUTH, CALLED) < high
    many = metrics.interval(np.tile(TRUTH, 50), np.tile(CALLED, 50))
    assert many[1] - many[0] < high - low


def test_no_rows_have_no_interval() -> None:
    assert metrics.interval(TRUTH[:0], CALLED[:0]) == (0.0, 0.0)


def test_equal_predictions_differ_by_nothing() -> None:
    assert metrics.paired_bootstrap(TRUTH, CALLED, CALLED) == (0.0, 0.0, 0.0)


def test_a_clearly_better_challenger_has_an_interval_above_zero() -> None:
    truth, called = np.tile(TRUTH, 20), np.tile(CALLED, 20)
    difference, low, high = metrics.paired_bootstrap(truth, called, truth)
    assert 0 < low < difference < high


def test_a_model_that_is_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    right = np.array([True] * 80 + [False] * 20)
    assert metrics.calibration_error(right, np.full(100, 0.8)) == pytest.approx(0)
    assert metrics.calibration_error(right, np.full(100, 0.95)) == pytest.approx(0.15)

"""How the penalty is chosen: by topics that were not trained on, as if each had a stream's classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from model.training import fitting
from model.training.train import MIN_TESTED, mean_over_topics

SURE = 9.0


def labels(negative: int, neutral: int, positive: int) -> npt.NDArray[np.intp]:
    return np.repeat([0, 1, 2], [negative, neutral, positive])


def sure_of(predicted: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    return SURE * np.eye(3)[predicted]


def test_a_topic_counts_as_if_it_had_the_classes_of_a_stream() -> None:
    even, lopsided = labels(100, 100, 100), labels(400, 50, 50)
    scores = []
    for truth in (even, lopsided):
        predicted = truth.copy()
        predicted[truth == 0] = np.tile([0, 1], (truth == 0).sum() // 2)  # half of the negative called neutral
        scores.append(mean_over_topics(truth, sure_of(predicted), np.full(len(truth), "one")))
    assert scores[0] == pytest.approx(scores[1])
    assert 0.8 < scores[0] < 0.9


def test_logits_lean_towards_a_stream_before_they_are_evaluated() -> None:
    truth = labels(60, 60, 60)
    undecided = np.zeros((len(truth), 3))
    all_neutral = mean_over_topics(truth, sure_of(np.ones(len(truth), np.intp)), np.full(len(truth), "one"))
    assert int(fitting.leaning().argmax()) == 1
    assert mean_over_topics(truth, undecided, np.full(len(truth), "one")) == all_neutral


def test_topics_count_alike_whatever_their_size() -> None:
    right, wrong = labels(500, 500, 500), labels(50, 50, 50)
    topics = np.repeat(["large", "small"], [len(right), len(wrong)])
    predicted = np.concatenate([right, (wrong + 1) % 3])
    assert mean_over_topics(np.concatenate([right, wrong]), sure_of(predicted), topics) == pytest.approx(0.5)


def test_a_topic_with_hardly_any_text_of_a_class_does_not_count() -> None:
    large, small = labels(50, 50, 50), labels(500, MIN_TESTED - 1, 500)
    topics = np.repeat(["large", "small"], [len(large), len(small)])
    predicted = np.concatenate([large, np.zeros(len(small), np.intp)])
    assert mean_over_topics(np.concatenate([large, small]), sure_of(predicted), topics) == 1.0


def test_where_no_topic_has_enough_all_of_them_count() -> None:
    few = labels(5, 5, 5)
    assert mean_over_topics(few, sure_of(few), np.full(len(few), "few")) == 1.0

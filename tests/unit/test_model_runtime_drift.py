from __future__ import annotations

from pathlib import Path

import pytest

from model.runtime import drift
from tests.model_rows import a_scorer

CALM = {"psi_label": 0.0, "psi_polarity": 0.0, "psi_length": 0.0, "novelty": 0.0}


def test_equal_shapes_have_no_distance_whatever_their_size() -> None:
    assert drift.psi([10, 20, 30], [10, 20, 30]) == 0
    assert drift.psi([1000, 2000, 3000], [10_000, 20_000, 30_000]) == pytest.approx(0, abs=1e-6)
    assert drift.jensen_shannon([10, 20, 30], [10, 20, 30]) == 0


def test_distance_grows_with_the_shift_and_empty_bins_are_no_trouble() -> None:
    near, far = drift.psi([50, 50, 0], [40, 60, 0]), drift.psi([50, 50, 0], [0, 10, 90])
    assert 0 < near < drift.SEVERE < far
    assert drift.jensen_shannon([1000, 0], [0, 1000]) == pytest.approx(1, abs=0.05)


def test_profiles_of_parts_add_up_to_that_of_the_whole(tmp_path: Path) -> None:
    scorer = a_scorer(tmp_path)
    first, second = ["I love it", "zzyzx qwrt"], ["an awful meeting"]
    assert drift.added(scorer.profile(first), scorer.profile(second)) == scorer.profile(first + second)


def test_texts_like_the_reference_do_not_drift(tmp_path: Path) -> None:
    scorer = a_scorer(tmp_path)
    reference = scorer.profile(["I love the phone", "I hate the phone", "the table of monday"] * 100)
    same = drift.compare(reference, scorer.profile(["I love the game", "I hate the song", "the window of monday"] * 90))
    assert drift.diagnose(same, texts=270) is None


def test_unknown_words_mean_that_the_data_changed() -> None:
    cause, sentence = drift.diagnose(CALM | {"novelty": 0.3}, texts=1000) or ("", "")
    assert cause == "data"
    assert "30%" in sentence


def test_another_mood_is_the_audience_unless_the_model_was_changed() -> None:
    moved = CALM | {"psi_label": 0.6}
    assert (drift.diagnose(moved, texts=1000) or [""])[0] == "audience"
    assert (drift.diagnose(moved, texts=1000, model_changed=True) or [""])[0] == "model"


def test_a_handful_of_texts_proves_nothing() -> None:
    assert drift.diagnose(CALM | {"psi_label": 5.0}, texts=20) is None

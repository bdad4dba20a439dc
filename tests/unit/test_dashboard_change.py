"""What the dashboard says of a change: how sure it is, and what carried it."""

from __future__ import annotations

import pandas as pd
import pytest

from deploy.dashboard import change
from deploy.dashboard.change import Change, Net


def counts(*rows: tuple[str, int, int, int]) -> pd.DataFrame:
    """Rows of (topic, negative, neutral, positive)."""
    frame = pd.DataFrame(rows, columns=["topic", "negative", "neutral", "positive"])
    frame["events"] = frame[["negative", "neutral", "positive"]].sum(axis=1)
    return frame


def test_net_sentiment_is_positive_minus_negative_with_its_interval() -> None:
    found = change.net(counts(("tea", 20, 50, 30)))
    assert found.value == pytest.approx(0.1)
    # One text is +1 with 0.3 and -1 with 0.2: variance 0.5 - 0.01.
    assert found.margin == pytest.approx(1.96 * (0.49 / 100) ** 0.5)
    assert found.texts == 100


def test_nothing_is_no_sentiment() -> None:
    assert change.net(pd.DataFrame()) == Net(0.0, 0.0, 0)


def test_texts_that_all_agree_are_still_uncertain_while_they_are_few() -> None:
    assert change.net(counts(("tea", 0, 0, 4))).margin > 0.4


def test_a_change_is_known_only_beyond_chance() -> None:
    calm = change.net(counts(("tea", 30, 40, 30)))
    assert Change(change.net(counts(("tea", 33, 40, 27))), calm).known is False
    assert Change(change.net(counts(("tea", 60, 30, 10))), calm).known is True


def test_the_parts_of_groups_that_divide_the_texts_add_up_to_the_change() -> None:
    before = counts(("tea", 1000, 1000, 3000), ("rain", 1500, 2000, 1500))
    now = counts(("tea", 1200, 1000, 2800), ("rain", 4500, 1000, 500))
    found = change.drivers(now, before, ["topic"])
    assert found["carried"].sum() == pytest.approx(change.net(now).value - change.net(before).value, abs=0.01)
    assert found["topic"].tolist() == ["rain", "tea"]


def test_a_group_that_only_one_span_has_is_a_driver_by_its_share() -> None:
    found = change.drivers(counts(("tea", 10, 10, 30), ("outage", 90, 10, 0)), counts(("tea", 10, 10, 30)), ["topic"])
    first = found.iloc[0]
    assert (first["topic"], first["events_before"]) == ("outage", 0)
    assert first["carried"] < -0.4


def test_three_texts_do_not_glow_like_a_thousand() -> None:
    few, many = change.shrunken(counts(("few", 3, 0, 0), ("many", 1000, 0, 0)), towards=0.0)
    assert -0.2 < few < 0
    assert many < -0.9


def test_the_sentence_names_what_moved_it() -> None:
    before, now = counts(("tea", 100, 100, 300)), counts(("tea", 100, 100, 300), ("outage", 270, 30, 0))
    told = change.sentence(
        Change(change.net(now), change.net(before)),
        {"topic": change.drivers(now, before, ["topic"])},
        "the hour before",
    )
    assert told.startswith("Net sentiment fell from +40 to -9 (±")
    assert "compared with the hour before. It came with topic outage (" in told


def test_a_kind_of_group_that_carried_nothing_is_left_out_of_the_sentence() -> None:
    before, now = counts(("tea", 100, 100, 300)), counts(("tea", 300, 100, 100))
    nothing = change.drivers(counts(("rain", 0, 5, 0)), counts(("rain", 0, 5, 0)), ["topic"])
    told = change.sentence(Change(change.net(now), change.net(before)), {"topic": nothing}, "the hour before")
    assert told.endswith("compared with the hour before, everywhere alike.")


def test_the_sentence_says_when_a_change_may_be_chance() -> None:
    calm = change.net(counts(("tea", 3, 4, 3)))
    told = change.sentence(Change(calm, change.net(counts(("tea", 2, 4, 4)))), {}, "an hour ago")
    assert "no change that is more than chance" in told


def test_the_sentence_says_when_there_is_nothing_to_compare_with() -> None:
    told = change.sentence(Change(change.net(counts(("tea", 3, 4, 3))), Net(0, 0, 0)), {}, "the day before")
    assert "nothing to compare it with: no text the day before" in told


def test_a_word_of_every_text_is_typical_of_none() -> None:
    terms = pd.DataFrame(
        {
            "term": ["exactly", "awful", "lovely"],
            "events": [900, 100, 100],
            "negative": [300, 90, 2],
            "neutral": [300, 8, 8],
            "positive": [300, 2, 90],
        }
    )
    assert change.telling(terms, "negative")["term"].tolist() == ["awful"]
    assert change.telling(terms, "positive")["term"].tolist() == ["lovely"]


def test_the_margins_of_rows_are_those_of_each_row_alone() -> None:
    rows = counts(("tea", 1, 1, 1), ("outage", 90, 5, 5), ("calm", 0, 4, 0))
    each = [change.net(rows.iloc[[place]]).margin for place in range(len(rows))]
    assert change.margins(rows).tolist() == pytest.approx(each)

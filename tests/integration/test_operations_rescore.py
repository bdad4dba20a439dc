"""History gets another version's labels: beside the served ones first, in their place once accepted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from moodstream import exit_code_of
from streaming.corrections import keyed_tables
from streaming.operations import rescore
from streaming.scoring import registry as models
from streaming.scoring.archive import Model
from tests.builders import NOON, a_record
from tests.gold_without_spark import assert_same, count_gold, gold_of, gold_of_silver
from tests.integration.conftest import Database
from tests.lake_rows import refined, rows_of, run

TEXTS = {"p1": "fine", "p2": "awful #food", "p3": "fine too"}


def predict(texts: Sequence[str]) -> pd.DataFrame:
    """Finds what is awful negative, and the rest positive."""
    bad = ["awful" in text for text in texts]
    return pd.DataFrame(
        {
            "sentiment": ["negative" if each else "positive" for each in bad],
            "polarity": [-0.9 if each else 0.8 for each in bad],
            "confidence": 0.95,
        }
    )


@pytest.fixture
def lake(empty_lake: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Posts and a comment that version 1 found positive, counted in gold; version 7 knows better."""
    monkeypatch.setattr(models, "load", lambda settings, version: Model(predict))
    posts = [a_record("post", {"text": text}, event_id=name) for name, text in TEXTS.items()]
    refined(empty_lake, *posts, a_record("comment", {"text": "awful"}, event_id="c1"))
    refined(empty_lake, a_record(event_id="other-day", event_time="2026-01-02T00:00:00Z"), first_number=9)
    count_gold(empty_lake)
    return empty_lake


def labels(lake: Path) -> dict[str, tuple[Any, ...]]:
    rows = [*rows_of(lake, "silver/posts"), *rows_of(lake, "silver/comments")]
    return {row["event_id"]: (row["sentiment"], row["polarity"], row["model_version"]) for row in rows}


def test_the_labels_stand_beside_the_served_ones(lake: Path) -> None:
    before = labels(lake)
    code, report = run(rescore.main, "--model", "7", lake=lake)
    assert (code, report["rows"], report["changed"]) == (0, 5, 2)
    assert report["by_change"] == {"positive -> negative": 2}
    rows = {row["event_id"]: row for row in rows_of(lake, "silver/rescored")}
    assert (rows["p2"]["sentiment"], rows["p2"]["new_sentiment"], rows["p2"]["model_version"]) == (
        "positive",
        "negative",
        "1",
    )
    assert (rows["c1"]["entity"], rows["other-day"]["day"], rows["p1"]["new_polarity"]) == ("comment", 2, 0.8)
    assert labels(lake) == before


def test_a_version_that_serves_fewer_languages_takes_sentiments_back_and_gold_follows(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def english(texts: Sequence[str]) -> pd.DataFrame:
        languages = ["de" if "awful" in text else "en" for text in texts]
        return predict(texts).assign(language=languages, scored_by="encoder")

    monkeypatch.setattr(models, "load", lambda settings, version: Model(english, frozenset({"en"})))
    _, report = run(rescore.main, "--model", "7", lake=lake)
    assert report["by_change"] == {"positive -> unscored": 2}
    run(rescore.main, "--model", "7", "--accept", lake=lake)
    (awful,) = (row for row in rows_of(lake, "silver/posts") if row["event_id"] == "p2")
    assert (awful["sentiment"], awful["polarity"], awful["language"]) == (None, None, "de")
    assert (awful["unscored_reason"], awful["model_version"]) == ("unsupported_language", "7")
    assert {row["scored_by"] for row in rows_of(lake, "silver/posts") if row["sentiment"]} == {"encoder"}
    assert awful["scored_by"] is None
    assert_same(gold_of(lake), gold_of_silver(lake, tmp_path / "scratch"))

    monkeypatch.setattr(models, "load", lambda settings, version: Model(predict))
    run(rescore.main, "--model", "8", lake=lake)
    _, report = run(rescore.main, "--model", "8", "--accept", lake=lake)
    assert report["by_change"] == {"unscored -> negative": 2}
    told = {(row["unscored_reason"], row["scored_by"]) for row in rows_of(lake, "silver/posts")}
    assert told == {(None, None)}
    assert_same(gold_of(lake), gold_of_silver(lake, tmp_path / "again"))


def test_scoring_once_more_replaces_the_labels_of_that_version_alone(lake: Path) -> None:
    for version in ("7", "8", "7"):
        run(rescore.main, "--model", version, lake=lake)
    versions = [row["rescored_with"] for row in rows_of(lake, "silver/rescored")]
    assert sorted(versions) == ["7"] * 5 + ["8"] * 5


def test_accepted_labels_are_served_and_gold_follows(lake: Path, tmp_path: Path) -> None:
    run(rescore.main, "--model", "7", lake=lake)
    refined(lake, a_record(event_id="since"), first_number=20)
    count_gold(lake)
    code, report = run(rescore.main, "--model", "7", "--accept", lake=lake)
    assert (code, report["rows"], report["changed"]) == (0, 5, 2)
    assert labels(lake)["p2"] == ("negative", -0.9, "7")
    assert labels(lake)["since"] == ("positive", 0.5, "1")
    assert_same(gold_of(lake), gold_of_silver(lake, tmp_path / "scratch"))
    assert run(rescore.main, "--model", "7", "--accept", lake=lake)[1]["rows"] == 0


def test_an_acceptance_that_is_killed_is_completed_by_the_next(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(rescore.main, "--model", "7", lake=lake)

    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(keyed_tables, "add_to_gold", killed)
        with pytest.raises(KeyboardInterrupt):
            run(rescore.main, "--model", "7", "--accept", lake=lake)
    _, report = run(rescore.main, "--model", "7", "--accept", lake=lake)
    assert report["finished_changes"] == 1
    assert {version for *_, version in labels(lake).values()} == {"7"}
    assert_same(gold_of(lake), gold_of_silver(lake, tmp_path / "scratch"))


def test_a_day_is_relabelled_in_parts_that_fit_into_memory(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescore, "COMMIT_ROWS", 1)
    run(rescore.main, "--model", "7", lake=lake)
    run(rescore.main, "--model", "7", "--accept", lake=lake)
    assert {version for *_, version in labels(lake).values()} == {"7"}
    assert_same(gold_of(lake), gold_of_silver(lake, tmp_path / "scratch"))


def test_the_warehouse_takes_the_labels(lake: Path, database: Database) -> None:
    for name in ("p1", "p2"):
        database.run(
            "insert into dw.fact_post (event_id, event_time, date_key, time_key, post_id, user_id, text, sentiment,"
            f" query, batch_id) values ('{name}', '{NOON}', 20260101, 0, 'p', 'u', 'x', 'positive', 'q', 0)"
        )
    environ = {"MOODSTREAM_WAREHOUSE_PASSWORD": database.password}
    run(rescore.main, "--model", "7", lake=lake)
    run(rescore.main, "--model", "7", "--accept", "--warehouse", database.url, lake=lake, environ=environ)
    shown = database.rows("select event_id, sentiment, polarity, model_version from dw.fact_post order by 1")
    assert shown == [("p1", "positive", 0.8, "7"), ("p2", "negative", -0.9, "7")]
    assert database.rows("select sum(negative) from dw.sentiment_by_minute") == [2]


def test_a_model_that_answers_nonsense_changes_nothing(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nonsense = pd.DataFrame({"sentiment": ["meh"], "polarity": [7.0], "confidence": [0.5]})
    monkeypatch.setattr(models, "load", lambda settings, version: Model(lambda texts: nonsense))
    assert run(rescore.main, "--model", "7", lake=lake)[0] == 1
    assert not (lake / "silver/rescored").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "--model"),
        (("--model", "champion"), "received 'champion'"),
        (("--model", "9", "--accept"), "version 9 has scored nothing yet"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    lake: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], complaint: str
) -> None:
    assert exit_code_of("moodstream rescore", rescore.main, [*arguments, "--lake", str(lake)], {}) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1

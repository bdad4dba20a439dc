"""Of a text that was edited the newest version counts, in silver, gold and the warehouse; former ones are history."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from streaming.operations import maintain
from streaming.operations.erase import command as erase
from streaming.retraction.retractor import Retractor
from streaming.settings import Settings
from streaming.warehouse.facts import Loader
from tests.builders import a_record
from tests.gold_without_spark import assert_same, count_gold, gold_of, gold_of_silver
from tests.integration.conftest import Database
from tests.integration.test_retraction import a_deletion, holding, outcomes
from tests.kills import killed_before
from tests.lake_rows import refined, rows_of, run, settings_of

FORMER = "silver/former_versions"


def a_version(second: int, name: str = "p1", kind: str = "post") -> bytes:
    payload = {f"{kind}_id": name, "user_id": "ann", "text": f"version {second} of {name} #tag{second}"}
    time = f"2026-01-01T12:00:{second:02}Z"
    return a_record(kind, payload, event_id=f"{kind} {name} {second}", event_time=time)


def texts(lake: Path, name: str = "silver/posts") -> list[str]:
    return sorted(row["text"] for row in rows_of(lake, name))


def test_the_newest_version_stays_and_gold_counts_it_alone(empty_lake: Path, tmp_path: Path) -> None:
    retract = Retractor(settings_of(empty_lake))
    refined(empty_lake, a_version(1), a_version(1, "p2"), a_version(1, "c1", "comment"))
    retract()
    refined(empty_lake, a_version(2), a_version(2, "c1", "comment"), first_number=10)
    count_gold(empty_lake)
    retract()
    assert texts(empty_lake) == ["version 1 of p2 #tag1", "version 2 of p1 #tag2"]
    assert texts(empty_lake, "silver/comments") == ["version 2 of c1 #tag2"]
    assert texts(empty_lake, FORMER) == ["version 1 of c1 #tag1", "version 1 of p1 #tag1"]
    assert_same(gold_of(empty_lake), gold_of_silver(empty_lake, tmp_path / "scratch"))
    assert outcomes(empty_lake) == [("comment", "superseded", 1), ("post", "superseded", 1)]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
@pytest.mark.parametrize("together", [True, False])
def test_the_order_of_arrival_does_not_matter(empty_lake: Path, order: tuple[int, ...], together: bool) -> None:
    retract = Retractor(settings_of(empty_lake))
    for number, second in enumerate(order):
        refined(empty_lake, a_version(second), first_number=number)
        if not together:
            retract()
    retract()
    assert texts(empty_lake) == ["version 3 of p1 #tag3"]
    assert len(rows_of(empty_lake, FORMER)) == 2


def test_a_hop_that_starts_anew_knows_the_version_before(empty_lake: Path) -> None:
    refined(empty_lake, a_version(1))
    Retractor(settings_of(empty_lake))()
    refined(empty_lake, a_version(2), first_number=1)
    Retractor(settings_of(empty_lake))()
    assert texts(empty_lake) == ["version 2 of p1 #tag2"]


def test_a_copy_of_the_newest_version_is_no_version(empty_lake: Path) -> None:
    refined(empty_lake, a_version(1))
    refined(empty_lake, a_version(1), first_number=9)
    Retractor(settings_of(empty_lake))()
    assert len(texts(empty_lake)) == 2


def test_without_history_the_former_text_is_in_no_file_after_the_next_maintenance(empty_lake: Path) -> None:
    refined(empty_lake, a_version(1), a_version(2))
    Retractor(settings_of(empty_lake, forget_edits=True))()
    run(maintain.main, lake=empty_lake)
    assert not holding(empty_lake, b"version 1 of p1")
    assert holding(empty_lake, b"version 2 of p1")


def test_a_deletion_takes_the_history_too(empty_lake: Path) -> None:
    retract = Retractor(settings_of(empty_lake))
    refined(empty_lake, a_version(1), a_version(2), a_version(1, "p2"), a_version(2, "p2"))
    retract()
    refined(empty_lake, a_deletion("p1"), first_number=10)
    retract()
    assert texts(empty_lake) == ["version 2 of p2 #tag2"]
    assert texts(empty_lake, FORMER) == ["version 1 of p2 #tag1"]


def test_an_erasure_takes_the_history_too(empty_lake: Path) -> None:
    refined(empty_lake, a_version(1), a_version(2))
    Retractor(settings_of(empty_lake))()
    code, receipt = run(erase.main, "--user", "ann", lake=empty_lake)
    assert (code, receipt["check"]["holding"]) == (0, [])
    assert rows_of(empty_lake, FORMER) == []


@pytest.fixture
def served(empty_lake: Path, database: Database) -> Settings:
    """Settings of the lake with a warehouse."""
    return settings_of(empty_lake, warehouse=database.url, warehouse_password=database.password)


def test_an_edit_that_dies_at_any_step_is_repeated_without_harm(
    served: Settings, database: Database, tmp_path: Path
) -> None:
    lake, load = Path(served.lake), Loader(served, database.warehouse())
    refined(lake, a_version(1), a_version(2), a_version(1, "c1", "comment"))
    Retractor(served)()
    refined(lake, a_version(3), a_version(2, "c1", "comment"), first_number=10)
    load()
    count_gold(lake)
    for step in count():
        with killed_before(step) as steps:
            Retractor(served)()
        if not steps.died:
            break
    load()
    Retractor(served)()
    assert texts(lake) == ["version 3 of p1 #tag3"]
    assert len(rows_of(lake, FORMER)) == 3
    assert_same(gold_of(lake), gold_of_silver(lake, tmp_path / "scratch"))
    assert database.rows("select text from dw.fact_post") == ["version 3 of p1 #tag3"]
    assert database.rows("select text from dw.fact_comment") == ["version 2 of c1 #tag2"]

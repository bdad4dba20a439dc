"""What deletions of the stream name leaves silver, gold and the warehouse, and nothing else does."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from deploy.local.workdir import Workdir
from harness.audit import backlog
from streaming.checkpoints import positions
from streaming.delta.log import read_entry
from streaming.files import Files
from streaming.operations import maintain
from streaming.operations.erase import command as erase
from streaming.retraction.old_files import ReplacedFiles
from streaming.retraction.retractor import Retractor
from streaming.settings import Settings
from streaming.warehouse.facts import Loader
from tests.builders import a_record
from tests.gold_without_spark import assert_same, count_gold, gold_of, gold_of_silver
from tests.integration.conftest import Database
from tests.kills import killed_before
from tests.lake_rows import refined, rows_of, run, settings_of

NASTY = "it's \\' -- \" \\ %s ${x} 日本 ; drop table"


def a_post(name: str, **payload: str) -> bytes:
    return a_record("post", {"post_id": name, "text": f"words of {name} #tag"} | payload, event_id=f"post of {name}")


def a_comment(name: str) -> bytes:
    return a_record("comment", {"comment_id": name}, event_id=f"comment of {name}")


def an_interaction(name: str) -> bytes:
    return a_record("interaction", {"interaction_id": name}, event_id=f"interaction of {name}")


_numbers = count()


def a_deletion(target: str, kind: str = "post") -> bytes:
    payload = {"target_type": kind, "target_id": target}
    return a_record("deletion", payload, event_id=f"deletion {next(_numbers)}", schema_version=2)


@pytest.fixture
def lake(empty_lake: Path) -> Path:
    """Two posts, a comment and an interaction, counted in gold."""
    refined(empty_lake, a_post("p1"), a_post("p2"), a_comment("c1"), an_interaction("i1"))
    count_gold(empty_lake)
    return empty_lake


def held(lake: Path) -> dict[str, list[str]]:
    tables = {"posts": "post_id", "comments": "comment_id", "interactions": "interaction_id"}
    return {name: sorted(row[column] for row in rows_of(lake, f"silver/{name}")) for name, column in tables.items()}


def outcomes(lake: Path) -> list[tuple[str, str, int]]:
    rows = sorted(rows_of(lake, "silver/retracted"), key=lambda row: row["retracted_at"])
    return sorted((row["kind"], row["outcome"], row["rows"]) for row in rows)


def test_deleted_items_leave_silver_and_gold_and_the_others_stay(lake: Path, tmp_path: Path) -> None:
    retract = Retractor(settings_of(lake))
    retract()
    refined(lake, a_deletion("p1"), a_deletion("c1", "comment"), a_deletion("i1", "interaction"), first_number=10)
    counted_as_it_comes(lake)
    retract()
    assert held(lake) == {"posts": ["p2"], "comments": [], "interactions": []}
    assert_same(gold_of(lake), gold_of_silver(lake, tmp_path / "scratch"))
    assert outcomes(lake) == [("comment", "removed", 1), ("interaction", "removed", 1), ("post", "removed", 1)]


def counted_as_it_comes(lake: Path) -> None:
    """Count what silver holds, as the aggregate hop does before the hop retract comes round."""
    count_gold(lake)


def test_a_deletion_that_comes_first_takes_effect_when_its_item_comes(lake: Path) -> None:
    retract = Retractor(settings_of(lake))
    refined(lake, a_deletion("p9"), first_number=10)
    retract()
    assert outcomes(lake) == [("post", "unknown", 0)]
    refined(lake, a_post("p9"), first_number=11)
    retract()
    assert held(lake)["posts"] == ["p1", "p2"]
    assert outcomes(lake) == [("post", "removed", 1), ("post", "unknown", 0)]


def test_a_hop_that_starts_anew_remembers_deletions_and_items(lake: Path) -> None:
    refined(lake, a_deletion("p9"), first_number=10)
    Retractor(settings_of(lake))()
    refined(lake, a_post("p9"), a_deletion("p1"), first_number=11)
    Retractor(settings_of(lake))()
    assert held(lake)["posts"] == ["p2"]


def test_items_and_deletions_of_one_round_need_no_order(empty_lake: Path) -> None:
    refined(empty_lake, a_deletion("p1"), a_post("p1"), a_post("p2"), a_deletion("p2"), a_post("p3"))
    Retractor(settings_of(empty_lake))()
    assert held(empty_lake)["posts"] == ["p3"]


def test_a_second_deletion_of_an_item_and_a_third_are_counted(lake: Path) -> None:
    retract = Retractor(settings_of(lake))
    refined(lake, a_deletion("p1"), a_deletion("p1"), first_number=10)
    retract()
    refined(lake, a_deletion("p1"), first_number=12)
    retract()
    assert outcomes(lake) == [("post", "removed", 1), ("post", "repeated", 0), ("post", "repeated", 0)]


def test_a_deletion_names_an_item_of_its_kind_only(lake: Path) -> None:
    refined(lake, a_comment("p1"), a_deletion("p1", "comment"), first_number=10)
    Retractor(settings_of(lake))()
    assert held(lake) == {"posts": ["p1", "p2"], "comments": ["c1"], "interactions": ["i1"]}


def test_ids_that_look_like_sql_are_ids(empty_lake: Path) -> None:
    refined(
        empty_lake,
        a_record("post", {"post_id": NASTY}, event_id=NASTY),
        a_record("post", {"post_id": "kept"}, event_id=f"{NASTY} too"),
        a_deletion(NASTY),
    )
    Retractor(settings_of(empty_lake))()
    assert held(empty_lake)["posts"] == ["kept"]


@pytest.fixture
def served(lake: Path, database: Database) -> Settings:
    """Settings of the lake with a warehouse."""
    return settings_of(lake, warehouse=database.url, warehouse_password=database.password)


def test_facts_go_once_the_hop_load_has_passed_them(served: Settings, database: Database) -> None:
    retract, load = Retractor(served), Loader(served, database.warehouse())
    load()
    refined(Path(served.lake), a_deletion("p1"), first_number=10)
    retract()
    assert database.rows("select post_id from dw.fact_post order by 1") == ["p1", "p2"], "load is not past it yet"
    load()
    retract()
    assert database.rows("select post_id from dw.fact_post") == ["p2"]
    assert database.rows("select query, rows from dw.load_ledger where query like 'retract/%'") == [
        ("retract/fact_post", 1)
    ]


def test_the_audit_waits_for_the_hop_and_for_its_facts(served: Settings, database: Database) -> None:
    retract, load, work = Retractor(served), Loader(served, database.warehouse()), Workdir(Path(served.lake).parent)
    load()
    retract()
    assert backlog.unread(work) == {}
    refined(Path(served.lake), a_deletion("p1"), first_number=10)
    assert backlog.unread(work) == {"retract": 1}
    retract()
    assert backlog.unread(work) == {"retract": 1}
    load()
    retract()
    assert backlog.unread(work) == {}


def test_a_hop_that_dies_at_any_step_is_repeated_without_harm(
    served: Settings, database: Database, tmp_path: Path
) -> None:
    lake, load = Path(served.lake), Loader(served, database.warehouse())
    load()
    refined(lake, a_deletion("p1"), a_deletion("p9"), a_deletion("c1", "comment"), a_post("p9"), first_number=10)
    count_gold(lake)
    load()
    for step in count():
        with killed_before(step) as steps:
            Retractor(served)()
        if not steps.died:
            break
    load()
    Retractor(served)()
    assert step > 5
    assert held(lake) == {"posts": ["p2"], "comments": [], "interactions": ["i1"]}
    assert_same(gold_of(lake), gold_of_silver(lake, tmp_path / "scratch"))
    assert database.rows("select post_id from dw.fact_post") == ["p2"]
    assert database.rows("select count(*) from dw.fact_comment") == [0]


def test_files_lose_what_was_deleted_at_the_next_maintenance(lake: Path) -> None:
    refined(lake, a_deletion("p1"), first_number=10)
    Retractor(settings_of(lake))()
    assert holding(lake, b"words of p1")
    assert run(maintain.main, lake=lake)[1]["retracted_files_removed"]["silver/posts"] == 1
    assert not holding(lake, b"words of p1")


def test_the_hop_deletes_the_files_that_it_replaced_after_a_while_and_none_that_a_query_needs(lake: Path) -> None:
    settings = settings_of(lake)
    refined(lake, a_deletion("p1"), first_number=10)
    Retractor(settings)()
    replaced = ReplacedFiles(settings, kept_s=0.0)
    replaced.changed("silver/posts")
    table = str(DeltaTable(str(lake / "silver/posts")).metadata().id)
    positions.write(settings, positions.LOAD, positions.Position({table: 0}))
    replaced.remove()
    assert holding(lake, b"words of p1")
    positions.write(settings, positions.LOAD, positions.Position({table: 99}))
    replaced.remove()
    assert not holding(lake, b"words of p1")


def test_between_two_rounds_only_facts_are_deleted(served: Settings, database: Database) -> None:
    retract, load = Retractor(served, pause=3600.0), Loader(served, database.warehouse())
    load()
    refined(Path(served.lake), a_deletion("p1"), first_number=10)
    retract()
    refined(Path(served.lake), a_deletion("p2"), first_number=11)
    load()
    assert retract() == {"numInputRows": 0, "factsDeleted": 1}
    assert held(Path(served.lake))["posts"] == ["p2"]


def holding(lake: Path, text: bytes) -> list[Path]:
    """The files of silver with a text."""
    files = (lake / "silver").rglob("*.parquet")
    return [file for file in files if text in str(pq.read_table(file).to_pylist()).encode()]


def test_an_erasure_keeps_files_that_a_later_deletion_replaced_for_hops_that_have_yet_to_read_them(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, added = erase._wait_for_readers, []

    def late(*arguments: Any) -> Any:
        passed = real(*arguments)
        if not added and "silver/posts" in passed:
            refined(lake, a_post("p3"), a_deletion("p3"), first_number=20)
            Retractor(settings_of(lake))()
            added.append(True)
        return passed

    monkeypatch.setattr(erase, "_wait_for_readers", late)
    run(erase.main, "--user", "nobody", lake=lake)
    assert holding(lake, b"words of p3")


def test_no_other_hop_sees_a_row_again(lake: Path) -> None:
    retract = Retractor(settings_of(lake))
    retract()
    before = DeltaTable(str(lake / "silver/posts")).version()
    refined(lake, a_deletion("p1"), first_number=10)
    retract()
    entry = read_entry(Files(), str(lake / "silver/posts"), before + 1)
    assert entry is not None
    assert entry.appended == ()

"""Damage of a checkpoint is found before its hop starts, and told with the command that repairs it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from streaming.checkpoints import damage
from streaming.checkpoints.damage import damages
from streaming.errors import CheckpointDamaged
from streaming.failures import is_permanent
from streaming.settings import Settings
from streaming.supervised import Supervised
from streaming.supervisor import checked
from tests.builders import a_record
from tests.checkpoint_files import a_checkpoint, delta_offset, hold, shard_offset, write_ends
from tests.lake_rows import arrived, settings_of
from tests.patience import wait_until
from tests.unit.test_streaming_job import FakeQuery

BRONZE = "bronze/events"


@pytest.fixture
def settings(empty_lake: Path) -> Settings:
    return settings_of(empty_lake)


def found(settings: Settings, hop: str) -> list[tuple[str, int, str]]:
    return [(each.kind, each.batch, each.subject) for each in damages(settings, hop)]


def an_ingest(settings: Settings, finished: int = 2) -> Path:
    plans = {batch: [shard_offset(batch, a=f"1{batch}", b=f"2{batch}", closed=None)] for batch in range(3)}
    folder = a_checkpoint(Path(settings.checkpoint("ingest")), plans, finished)
    for batch in range(finished + 1):
        write_ends(folder, batch, a=f"1{batch + 1}", b=f"2{batch + 1}")
    return folder


def a_refine(settings: Settings, *versions: int, finished: int | None = None) -> Path:
    plans = {batch: [delta_offset(Path(settings.lake), BRONZE, version)] for batch, version in enumerate(versions)}
    last = len(versions) - 1 if finished is None else finished
    return a_checkpoint(Path(settings.checkpoint("refine")), plans, last)


@pytest.mark.parametrize("hop", ["ingest", "refine", "aggregate", "load", "watch"])
def test_a_hop_that_never_ran_has_no_damage(settings: Settings, hop: str) -> None:
    assert found(settings, hop) == []


def test_a_sound_checkpoint_has_no_damage(settings: Settings) -> None:
    an_ingest(settings)
    a_refine(settings, 0, 1)
    assert found(settings, "ingest") == found(settings, "refine") == []


@pytest.mark.parametrize("batch", [1, 2])
def test_a_lost_plan_of_the_two_newest_batches_is_damage(settings: Settings, batch: int) -> None:
    (an_ingest(settings) / f"offsets/{batch}").unlink()
    assert found(settings, "ingest") == [("plan", batch, "")]


def test_a_commit_that_was_cut_off_is_damage(settings: Settings) -> None:
    (an_ingest(settings) / "commits/2").write_text("v1")
    assert found(settings, "ingest") == [("commit", 2, "")]


@pytest.mark.parametrize("content", ["", "{}", '{"id":'])
def test_a_lost_id_is_damage_while_a_batch_is_under_way(settings: Settings, content: str) -> None:
    (an_ingest(settings, finished=2) / "metadata").write_text(content)
    assert found(settings, "ingest") == []
    shutil.rmtree(settings.checkpoint("ingest"))
    (an_ingest(settings, finished=1) / "metadata").write_text(content)
    assert found(settings, "ingest") == [("identity", 2, "")]


def test_a_lost_plan_of_an_older_batch_is_none(settings: Settings) -> None:
    (an_ingest(settings) / "offsets/0").unlink()
    assert found(settings, "ingest") == []


@pytest.mark.parametrize("content", ["", "v1\n{}", 'v1\n{}\n{"metadata":'])
def test_a_plan_that_was_cut_off_is_damage(settings: Settings, content: str) -> None:
    (an_ingest(settings) / "offsets/2").write_text(content)
    assert found(settings, "ingest") == [("plan", 2, "")]


def test_offsets_that_are_all_lost_are_damage_once_a_table_holds_a_batch(settings: Settings, empty_lake: Path) -> None:
    folder = a_checkpoint(Path(settings.checkpoint("ingest")), {}, 0)
    assert found(settings, "ingest") == []
    hold(empty_lake, BRONZE, 7)
    assert found(settings, "ingest") == [("plan", 0, "")]
    assert folder.is_dir()


@pytest.mark.parametrize("content", [None, "", '{"shardId":'])
def test_a_lost_position_of_a_shard_is_damage(settings: Settings, content: str | None) -> None:
    end = an_ingest(settings) / "sources/0/shard-commit/2/b"
    end.unlink() if content is None else end.write_text(content)
    assert found(settings, "ingest") == [("shard", 2, "b")]


def test_positions_of_a_batch_that_is_read_again_need_not_be_there(settings: Settings, empty_lake: Path) -> None:
    an_ingest(settings, finished=1)
    assert found(settings, "ingest") == []
    hold(empty_lake, BRONZE, 2)
    assert found(settings, "ingest") == [("shard", 2, "a"), ("shard", 2, "b")], "bronze has it: nothing is read again"


def test_an_older_copy_of_a_checkpoint_is_damage(settings: Settings, empty_lake: Path) -> None:
    an_ingest(settings)
    hold(empty_lake, BRONZE, 2)
    assert found(settings, "ingest") == []
    hold(empty_lake, BRONZE, 3)
    assert found(settings, "ingest") == [("behind", 2, BRONZE)]


def test_unread_versions_that_left_the_log_are_damage(settings: Settings, empty_lake: Path) -> None:
    for number in range(3):
        arrived(empty_lake, a_record(), first_number=number)
    a_refine(settings, 1, 2)
    assert found(settings, "refine") == []
    DeltaTable(str(empty_lake / BRONZE)).create_checkpoint()
    for version in range(3):
        (empty_lake / BRONZE / f"_delta_log/{version:020d}.json").unlink()
    assert found(settings, "refine") == [("unread", 1, BRONZE)]


@pytest.mark.parametrize(("read_to", "kinds"), [(1, ["unread"]), (2, ["unread"]), (3, [])])
def test_unread_files_that_were_deleted_are_damage(
    settings: Settings, empty_lake: Path, read_to: int, kinds: list[str]
) -> None:
    """Versions 1 and 2 brought rows, version 3 merged their files."""
    for number in range(2):
        arrived(empty_lake, a_record(), first_number=number)
    bronze = DeltaTable(str(empty_lake / BRONZE))
    bronze.optimize.compact()
    a_refine(settings, 0, read_to)
    assert found(settings, "refine") == []
    bronze.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert [kind for kind, *_ in found(settings, "refine")] == kinds


def test_a_table_that_was_set_back_is_damage(settings: Settings) -> None:
    a_refine(settings, 8, 9)
    assert found(settings, "refine") == [("unread", 1, BRONZE)]


def test_a_table_that_was_made_anew_is_damage_and_one_without_rows_is_not(settings: Settings, empty_lake: Path) -> None:
    names = damage.READS["aggregate"]
    offsets: list[Any] = [delta_offset(empty_lake, name, 0) for name in names[:-1]]
    folder = a_checkpoint(Path(settings.checkpoint("aggregate")), {0: [*offsets, None]}, 0)
    assert found(settings, "aggregate") == []
    other = {**delta_offset(empty_lake, names[-1], 0), "reservoirId": "another"}
    for batch in (0, 1):
        (folder / f"offsets/{batch}").unlink(missing_ok=True)

    shutil.rmtree(folder)
    a_checkpoint(folder, {0: [*offsets, other]}, 0)
    assert found(settings, "aggregate") == [("other table", 0, names[-1])]


def test_the_error_names_what_is_missing_and_the_command_and_is_permanent(settings: Settings) -> None:
    (an_ingest(settings) / "offsets/2").unlink()
    with pytest.raises(
        CheckpointDamaged, match=r"ingest: offsets/2 is missing .*moodstream checkpoints repair ingest --lake"
    ):
        damage.check(settings, "ingest")
    assert is_permanent(CheckpointDamaged("x"))


def test_a_hop_with_a_damaged_checkpoint_fails_alone_and_is_not_started(settings: Settings) -> None:
    class Context:
        def setLocalProperty(self, name: str, value: str) -> None:
            pass

        def setJobDescription(self, value: str) -> None:
            pass

    class Session:
        sparkContext = Context()

    (an_ingest(settings) / "offsets/2").unlink()
    a_refine(settings, 0, 1)
    hops = [Supervised(name, checked(name, lambda *_: FakeQuery())) for name in ("ingest", "refine")]  # type: ignore[arg-type,return-value]

    def settled() -> bool:
        for hop in hops:
            hop.tick(Session(), settings, time.monotonic())  # type: ignore[arg-type]
        return not {hop.state for hop in hops} & {"waiting", "starting"}

    wait_until(settled, lambda: [hop.status() for hop in hops], pause=0.01)
    assert [hop.state for hop in hops] == ["failed", "running"]
    assert "checkpoints repair ingest" in (hops[0].error or "")

"""What Spark needs to load the ids that refine knows, and what is done where some of it is lost."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from streaming.checkpoints.damage import damages
from streaming.checkpoints.repair.means import Means
from streaming.checkpoints.repair.remedy import FORGET, REBUILD, remedy
from streaming.settings import Settings
from tests.checkpoint_files import a_checkpoint, delta_offset
from tests.lake_rows import settings_of

# What Spark 3.5.6 wrote for a version that changed nothing.
NO_CHANGE = bytes.fromhex(
    "4c5a34426c6f636b150400000004000000db804d08ffffffff4c5a34426c6f636b15000000000000000000000000"
)
PROVIDER = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
SETTINGS = {
    "spark.sql.streaming.stateStore.providerClass": PROVIDER,
    "spark.sql.shuffle.partitions": "1",
}
MEANS = Means(lambda *_: iter(()), lambda *_: 0)


def a_snapshot(partition: Path, version: int) -> None:
    """A snapshot with one large file."""
    (partition / "SSTs").mkdir(exist_ok=True)
    (partition / f"SSTs/000008-{version}.sst").write_bytes(b"ids")
    large = [{"localFileName": "000008.sst", "dfsSstFileName": f"000008-{version}.sst", "sizeBytes": 3}]
    with zipfile.ZipFile(partition / f"{version}.zip", "w") as snapshot:
        snapshot.writestr("CURRENT", "MANIFEST-000005\n")
        snapshot.writestr("metadata", "v1\n" + json.dumps({"sstFiles": large, "numKeys": 1}))


@pytest.fixture
def settings(empty_lake: Path) -> Settings:
    return settings_of(empty_lake)


@pytest.fixture
def partition(settings: Settings) -> Path:
    """The only partition, after five finished batches: every change, and two snapshots."""
    checkpoint = Path(settings.checkpoint("refine"))
    plans = {batch: [delta_offset(Path(settings.lake), "bronze/events", 0)] for batch in range(5)}
    a_checkpoint(checkpoint, plans, finished=4)
    for batch in plans:
        path = checkpoint / f"offsets/{batch}"
        path.write_text(path.read_text().replace('"conf":{}', f'"conf":{json.dumps(SETTINGS)}'))
    folder = checkpoint / "state/0/0"
    folder.mkdir(parents=True)
    for version in range(1, 6):
        (folder / f"{version}.changelog").write_bytes(NO_CHANGE)
    for version in (2, 4):
        a_snapshot(folder, version)
    return folder


def found(settings: Settings) -> list[tuple[str, str]]:
    return [(each.kind, each.found.partition(",")[0]) for each in damages(settings, "refine")]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def test_a_whole_state_has_no_damage(settings: Settings, partition: Path) -> None:
    for path in ("1.changelog", "2.zip", "3.changelog", "4.changelog"):
        (partition / path).unlink()
    assert found(settings) == [], "Spark needs the newest snapshot and what changed since then"


@pytest.mark.parametrize("length", [0, 20, 25, 45])
def test_a_change_that_was_cut_off_is_damage(settings: Settings, partition: Path, length: int) -> None:
    (partition / "5.changelog").write_bytes(NO_CHANGE[:length])
    assert found(settings) == [("state", "state/0/0/5.changelog is cut off")]


def test_a_lost_folder_is_damage(settings: Settings, partition: Path) -> None:
    partition.rename(partition.with_name("elsewhere"))
    assert found(settings) == [("state", "state/0/0/1.changelog is missing")]


def test_a_damaged_snapshot_is_damage(settings: Settings, partition: Path) -> None:
    cut(partition / "SSTs/000008-4.sst")
    assert found(settings) == [
        ("state", "state/0/0/SSTs/000008-4.sst is missing or has not the 3 bytes that 4.zip names")
    ]
    cut(partition / "4.zip")
    assert found(settings) == [("state", "state/0/0/4.zip is not a whole zip file")]


def test_a_batch_under_way_needs_the_state_before_it(settings: Settings, partition: Path) -> None:
    (partition / "5.changelog").unlink()
    (partition.parents[2] / "commits/4").unlink()
    assert found(settings) == []


def test_the_files_of_another_state_store_are_not_looked_at(settings: Settings, partition: Path) -> None:
    for path in (partition.parents[2] / "offsets").iterdir():
        path.write_text(path.read_text().replace("RocksDBStateStoreProvider", "HDFSBackedStateStoreProvider"))
    (partition / "5.changelog").unlink()
    assert found(settings) == []


def test_a_damaged_snapshot_is_left_out_where_an_older_one_and_all_changes_are_left(
    settings: Settings, partition: Path
) -> None:
    cut(partition / "4.zip")
    [damage] = damages(settings, "refine")
    assert remedy(settings, damage) is REBUILD
    REBUILD.act(settings, damage, MEANS)  # type: ignore[misc]
    assert found(settings) == []
    assert sorted(path.name for path in partition.glob("*.zip")) == ["2.zip"]


@pytest.mark.parametrize("lost", ["5.changelog", "3.changelog"])
def test_a_state_without_a_way_to_its_newest_version_begins_anew(
    settings: Settings, partition: Path, lost: str
) -> None:
    (partition / lost).unlink()
    cut(partition / "4.zip")
    [damage] = damages(settings, "refine")
    assert remedy(settings, damage) is FORGET
    FORGET.act(settings, damage, MEANS)  # type: ignore[misc]
    assert found(settings) == []

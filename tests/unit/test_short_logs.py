"""The logs of a local lake: what may leave them, and who still finds it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import Row

from streaming import short_logs
from streaming.checkpoints import positions
from streaming.checkpoints.positions import Position
from streaming.cli import create_tables
from streaming.corrections import readers
from streaming.delta.append import FileAppend
from streaming.delta.log import READ_ENTRIES, in_log, read_entry
from streaming.delta.merge import keyed_merge
from streaming.delta.tables import open_table
from streaming.errors import SettingsError
from streaming.files import Files
from streaming.settings import Settings, from_command_line
from streaming.short_logs import ShortLogs, forget, shorten
from streaming.tables import gold_engagement_by_minute, silver_posts
from tests.patience import wait_until
from tests.unit.test_delta_merge import rows as engagement

VERSIONS = 130


@pytest.fixture
def lake(tmp_path: Path) -> Settings:
    """A lake whose posts have VERSIONS commits without rows, and a checkpoint at the 120th."""
    settings = Settings(lake=str(tmp_path / "lake"), checkpoints=str(tmp_path / "checkpoints"), stream="s")
    create_tables(settings)
    append = FileAppend(settings, silver_posts.NAME, "q")
    for batch in range(VERSIONS):
        append.commit([empty_file(batch)], batch)
        if batch == 119:
            open_table(settings, silver_posts.NAME).create_checkpoint()
    return settings


def empty_file(number: int) -> Row:
    return Row(
        path=f"year=2026/month=1/day=1/{number}.parquet",
        size=1,
        modified=0,
        partition='{"year": "2026", "month": "1", "day": "1"}',
        statistics='{"numRecords": 0}',
    )


def versions(settings: Settings, suffix: str = "json", folder: str = "_delta_log") -> list[int]:
    found = Path(settings.table(silver_posts.NAME), folder).glob(f"*.{suffix}")
    return sorted(int(file.name.partition(".")[0]) for file in found)


def test_entries_before_the_last_checkpoint_move_and_the_table_stays_what_it_was(
    lake: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_logs, "KEPT", 10)
    before = DeltaTable(lake.table(silver_posts.NAME)).file_uris()
    assert (
        shorten(lake, silver_posts.NAME, readers.all_positions(lake)) == 110 + 2
    )  # entries, and the checkpoints at 50 and 100
    assert versions(lake)[0] == 110
    assert versions(lake, folder=READ_ENTRIES) == list(range(110))
    assert DeltaTable(lake.table(silver_posts.NAME)).file_uris() == before
    assert shorten(lake, silver_posts.NAME, readers.all_positions(lake)) == 0


def test_what_a_query_has_not_read_stays(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_logs, "KEPT", 10)
    identity = str(open_table(lake, silver_posts.NAME).metadata().id)
    positions.write(lake, positions.LOAD, Position({identity: 50}))
    shorten(lake, silver_posts.NAME, readers.all_positions(lake))
    assert versions(lake)[0] == 40


def test_an_entry_that_has_moved_is_still_found(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_logs, "KEPT", 10)
    entry = read_entry(Files(), lake.table(silver_posts.NAME), 7)
    shorten(lake, silver_posts.NAME, readers.all_positions(lake))
    assert entry is not None
    assert read_entry(Files(), lake.table(silver_posts.NAME), 7) == entry
    assert read_entry(Files(), lake.table(silver_posts.NAME), VERSIONS + 1) is None


def test_only_the_newest_checksums_stay(lake: Settings) -> None:
    shorten(lake, silver_posts.NAME, readers.all_positions(lake))
    assert len(versions(lake, "crc")) == short_logs.CHECKSUMS_KEPT + 1


def test_a_young_log_stays_whole(lake: Settings) -> None:
    assert (
        shorten(lake, silver_posts.NAME, readers.all_positions(lake)) == 20
    )  # a checkpoint at 120, and a hundred versions before it
    assert shorten(lake, "silver/comments", {}) == 0


def test_a_running_job_shortens_the_logs(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_logs, "EVERY_S", 0.0)
    ShortLogs(lake)({})
    wait_until(lambda: versions(lake)[0] > 0, "the log was not shortened")


def test_whoever_has_queries_of_their_own_keeps_more(lake: Settings) -> None:
    assert shorten(replace(lake, log_kept=115), silver_posts.NAME, {}) == 5
    assert shorten(replace(lake, log_kept=1000), silver_posts.NAME, {}) == 0


def test_fewer_versions_than_a_snapshot_may_need_are_refused() -> None:
    with pytest.raises(SettingsError, match="received '50', expected a whole number from 100 on"):
        from_command_line(["--lake", "l", "--stream", "s", "--log-kept", "50"], {})


def test_moved_entries_are_forgotten_after_the_retention(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_logs, "KEPT", 10)
    shorten(lake, silver_posts.NAME, readers.all_positions(lake))
    table = Path(lake.table(silver_posts.NAME))
    os.utime(table / READ_ENTRIES / f"{5:020d}.json", (0, 0))
    assert forget(lake, silver_posts.NAME, 168, 169 * 3600) == 1
    assert read_entry(Files(), str(table), 5) is None
    assert read_entry(Files(), str(table), 6) is not None


def test_the_log_of_gold_keeps_what_serve_needs_after_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_logs, "KEPT_OF_GOLD", 3)
    settings = Settings(lake=str(tmp_path / "lake"), checkpoints=str(tmp_path / "checkpoints"), stream="s")
    gold = gold_engagement_by_minute.TABLE
    merged = keyed_merge(settings, gold, "q")
    for batch in range(12):
        merged.apply(engagement({"interactions": batch}), batch)
    open_table(settings, gold.name).create_checkpoint()
    assert shorten(settings, gold.name, {}) > 0
    newest, table = open_table(settings, gold.name).version(), settings.table(gold.name)
    assert [in_log(Files(), table, newest - behind) for behind in (0, 3, 4)] == [True, True, False]
    merged.apply(engagement({"interactions": 1}), 12)
    assert open_table(settings, gold.name).version() == newest + 1

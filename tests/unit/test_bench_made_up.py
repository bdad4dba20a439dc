"""Invented profiles: as many as asked for, and those of the mock platform's people among them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.bench import made_up
from harness.bench.embedded import START
from streaming.delta.merge import KeyedMerge
from streaming.delta.tables import open_table, read
from streaming.settings import Settings
from streaming.tables import silver_users
from tests.unit.test_delta_merge import a_change, profiles


def test_profiles_fill_several_files_and_give_way_to_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made_up, "USERS_A_FILE", 20)
    settings = Settings(lake=str(tmp_path), checkpoints="", stream="bench")
    made_up.fill_users(settings, 50)
    table = open_table(settings, silver_users.NAME)
    assert (len(table.file_uris()), len(set(read(table)["user_id"].to_pylist()))) == (3, 50)
    change = a_change(user_id="u000049", user_location="Rome", event_time=datetime.fromtimestamp(START, UTC))
    KeyedMerge(silver_users.TABLE, settings.table(silver_users.NAME), {}, "query").apply(profiles(change), 0)
    found = {row["user_id"]: row["user_location"] for row in read(open_table(settings, silver_users.NAME)).to_pylist()}
    assert (len(found), found["u000049"], found["u000048"]) == (50, "Rome", "Oslo")


def test_no_profiles_make_no_table(tmp_path: Path) -> None:
    made_up.fill_users(Settings(lake=str(tmp_path), checkpoints="", stream="bench"), 0)
    assert list(tmp_path.iterdir()) == []

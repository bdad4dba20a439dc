"""The log of a table on an emulated S3, which Spark lists by requests of a thousand entries."""

from __future__ import annotations

import uuid

import pytest

from deploy.local import aws
from streaming import short_logs
from streaming.delta import append
from streaming.delta.log import READ_ENTRIES, read_entry
from streaming.delta.tables import open_table
from streaming.files import Files
from streaming.settings import Settings
from streaming.tables import catalog, silver_posts
from streaming.tables.columns import PARTITIONS
from tests.unit.test_short_logs import empty_file

NAME = silver_posts.NAME


def test_entries_on_s3_move_and_are_still_found(emulated_aws: aws.Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(short_logs, "KEPT_ON_S3", 5)
    lake = f"s3a://{aws.BUCKETS[0]}/{uuid.uuid4()}"
    settings = Settings(lake, f"{lake}/_checkpoints", "s", aws_endpoint=emulated_aws.endpoint)
    append.create(settings, NAME, catalog.APPENDED[NAME], PARTITIONS)
    writer = append.FileAppend(settings, NAME, "q")
    for batch in range(12):
        writer.commit([empty_file(batch)], batch)
    open_table(settings, NAME).create_checkpoint()
    before = open_table(settings, NAME).file_uris()

    assert short_logs.shorten(settings, NAME, {}) == 7
    files, table = Files(settings), settings.table(NAME)
    left = [each.name for each in files.below(f"{table}/_delta_log") if each.name.endswith(".json")]
    assert left[0] == f"{7:020d}.json"
    assert len(list(files.below(f"{table}/{READ_ENTRIES}"))) == 7
    assert open_table(settings, NAME).file_uris() == before
    entry = read_entry(files, table, 3)
    assert entry is not None
    assert len(entry.added) == 1

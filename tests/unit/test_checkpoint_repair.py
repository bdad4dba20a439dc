"""Repairs write what is lost from what is left, and say first what they do and cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from moodstream import exit_code_of
from streaming.checkpoints.damage import damages
from streaming.checkpoints.repair.means import Means
from streaming.checkpoints.repair.remedy import BEGIN_ANEW, READ_AGAIN, SKIP, remedy
from streaming.checkpoints.shards import Position, Record
from streaming.corrections import erased_events
from streaming.errors import LeaseHeld, SinkUnavailable
from streaming.operations import checkpoints
from streaming.settings import Settings
from streaming.sources import shard_records
from tests.builders import NOON, a_record
from tests.checkpoint_files import QUERY, a_checkpoint, delta_offset, hold, shard_offset, write_ends
from tests.lake_rows import arrived, run, settings_of

BRONZE = "bronze/events"


class Shard:
    """Serves its records in pages, from any of them on, and remembers what it was asked."""

    def __init__(self, *numbers: int, page: int = 2) -> None:
        self.records = [Record(f"{number:030d}", NOON) for number in numbers]
        self.page = page
        self.asked: list[tuple[str, str, Position]] = []
        self.pages_read = 0

    def __call__(self, stream: str, shard: str, begin: Position) -> Iterator[list[Record]]:
        self.asked.append((stream, shard, begin))
        left = [record for record in self.records if record.number > begin.at]
        for first in range(0, len(left), self.page):
            self.pages_read += 1
            yield left[first : first + self.page]


def no_backfill(since: datetime | None, version: int) -> int:
    raise AssertionError("nothing was to be appended")


@pytest.fixture
def settings(empty_lake: Path) -> Settings:
    return settings_of(empty_lake)


def number(value: int) -> str:
    return f"{value:030d}"


def an_ingest(settings: Settings) -> Path:
    """Two batches of one shard: the first ended after record 2, the second after record 5."""
    begins = {0: number(0), 1: number(2)}
    plans: dict[int, list[Any]] = {batch: [shard_offset(batch, a=begin)] for batch, begin in begins.items()}
    folder = a_checkpoint(Path(settings.checkpoint("ingest")), plans, 1)
    write_ends(folder, 0, a=number(2))
    write_ends(folder, 1, a=number(5))
    return folder


def repair(settings: Settings, hop: str, shard: Shard) -> list[str]:
    done = []
    while (damage := next(damages(settings, hop), None)) is not None:
        act = remedy(settings, damage).act
        assert act is not None
        done.append(act(settings, damage, Means(shard, no_backfill)))
    return done


def end_of(folder: Path, batch: int) -> Any:
    return json.loads((folder / f"sources/0/shard-commit/{batch}/a").read_text())


def test_a_lost_position_is_that_of_the_last_record_in_bronze(settings: Settings, empty_lake: Path) -> None:
    folder, shard = an_ingest(settings), Shard(*range(1, 20))
    arrived(empty_lake, *[a_record()] * 5, first_number=1)
    (folder / "sources/0/shard-commit/1/a").unlink()
    repair(settings, "ingest", shard)
    assert end_of(folder, 1) == {
        "shardId": "a",
        "iteratorType": "AFTER_SEQUENCE_NUMBER",
        "iteratorPosition": number(5),
    }
    assert shard.asked == [("events", "a", Position("AFTER_SEQUENCE_NUMBER", number(2)))]
    assert shard.pages_read == 3, "the first page without a record of bronze is the last one"


def test_records_that_an_erasure_removed_from_bronze_are_not_read_again(settings: Settings, empty_lake: Path) -> None:
    folder = an_ingest(settings)
    arrived(empty_lake, a_record(), first_number=3)
    place = {
        "erasure": "erase-1",
        "stream": "events",
        "record_index": 0,
        "event_id": "e",
        "erased_at": datetime.now(UTC),
    }
    erased_events.remember(settings, [{**place, "sequence_number": number(each)} for each in (4, 5)])
    (folder / "sources/0/shard-commit/1/a").unlink()
    repair(settings, "ingest", Shard(*range(1, 9)))
    assert end_of(folder, 1)["iteratorPosition"] == number(5)


def test_a_shard_of_which_bronze_has_nothing_new_continues_where_its_batch_began(settings: Settings) -> None:
    folder = an_ingest(settings)
    (folder / "sources/0/shard-commit/1/a").write_text("")
    repair(settings, "ingest", Shard(3, 4))
    assert end_of(folder, 1)["iteratorPosition"] == number(2)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_plan_of_ingest_is_written_from_the_batches_beside_it(settings: Settings, lost: int) -> None:
    folder = an_ingest(settings)
    path = folder / f"offsets/{lost}"
    before = json.loads(path.read_text().splitlines()[2])
    path.unlink()
    (folder / f"offsets/.{lost}.crc").write_text("the checksum of the lost file")
    repair(settings, "ingest", Shard())
    after = json.loads(path.read_text().splitlines()[2])
    assert after["metadata"] == before["metadata"]
    assert lost == 0 or after == before
    assert not (folder / f"offsets/.{lost}.crc").exists()


def test_without_any_plan_the_repair_is_by_hand(settings: Settings, empty_lake: Path) -> None:
    folder = an_ingest(settings)
    for batch in (0, 1):
        (folder / f"offsets/{batch}").unlink()
    assert remedy(settings, next(damages(settings, "ingest"))).act is None
    assert run(checkpoints.main, "repair", "ingest", "--yes", lake=empty_lake)[0] == 1


def test_a_commit_that_was_cut_off_goes(settings: Settings) -> None:
    folder = an_ingest(settings)
    (folder / "commits/1").write_text("")
    repair(settings, "ingest", Shard())
    assert not (folder / "commits/1").exists()


@pytest.mark.parametrize("held", [0, 1, None])
def test_a_lost_id_is_found_in_the_log_of_the_table(settings: Settings, empty_lake: Path, held: int | None) -> None:
    folder = an_ingest(settings)
    (folder / "commits/1").unlink()
    (folder / "metadata").unlink()
    if held is not None:
        hold(empty_lake, BRONZE, held)
    arrived(empty_lake, a_record(), first_number=1)
    repair(settings, "ingest", Shard())
    assert (json.loads((folder / "metadata").read_text())["id"] == QUERY) == (held is not None)


def test_an_older_copy_of_ingest_catches_up_with_bronze_under_a_new_query_id(
    settings: Settings, empty_lake: Path
) -> None:
    folder = an_ingest(settings)
    arrived(empty_lake, *[a_record()] * 9, first_number=1)
    hold(empty_lake, BRONZE, 4)
    repair(settings, "ingest", Shard(*range(1, 20)))
    assert end_of(folder, 1)["iteratorPosition"] == number(9)
    assert json.loads((folder / "metadata").read_text())["id"] != QUERY


def a_query(settings: Settings, hop: str, finished: int) -> Path:
    plans = {batch: [delta_offset(Path(settings.lake), BRONZE, 0)] for batch in range(3)}
    return a_checkpoint(Path(settings.checkpoint(hop)), plans, finished)


@pytest.mark.parametrize(
    ("hop", "finished", "lost", "does"),
    [
        ("refine", 2, 2, READ_AGAIN),
        ("refine", 2, 1, READ_AGAIN),
        ("refine", 1, 1, READ_AGAIN),
        ("aggregate", 2, 1, READ_AGAIN),
        ("aggregate", 2, 2, BEGIN_ANEW),
        ("aggregate", 1, 1, BEGIN_ANEW),
    ],
)
def test_only_refine_may_read_rows_again(settings: Settings, hop: str, finished: int, lost: int, does: object) -> None:
    (a_query(settings, hop, finished) / f"offsets/{lost}").unlink()
    assert remedy(settings, next(damages(settings, hop))) is does


def test_a_batch_that_silver_has_in_part_is_not_read_again_as_another_one(settings: Settings, empty_lake: Path) -> None:
    (a_query(settings, "refine", 1) / "offsets/2").write_text("cut off")
    assert remedy(settings, next(damages(settings, "refine"))) is READ_AGAIN
    hold(empty_lake, "silver/posts", 2)
    assert remedy(settings, next(damages(settings, "refine"))) is SKIP


def test_without_yes_a_repair_says_what_it_does_and_changes_nothing(
    settings: Settings, empty_lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = a_query(settings, "refine", 2)
    (folder / "offsets/2").unlink()
    place = ["--lake", settings.lake, "--checkpoints", settings.checkpoints]
    assert exit_code_of("moodstream", checkpoints.main, ["repair", "refine", *place], {}) == 1
    said = capsys.readouterr()
    assert "offsets/2 is missing" in said.err
    assert "it costs: at most the rows of one batch" in said.err
    assert said.out == "nothing was changed; add --yes to repair\n"
    assert not (folder / "offsets/2").exists()
    assert run(checkpoints.main, "verify", lake=empty_lake)[0] == 1
    assert run(checkpoints.main, "repair", "refine", "--yes", lake=empty_lake)[0] == 0
    assert run(checkpoints.main, "verify", lake=empty_lake)[0] == 0
    assert run(checkpoints.main, "repair", "refine", "--yes", lake=empty_lake)[1]["repaired"] == []


def test_a_repair_waits_for_no_job_that_owns_the_hop(
    settings: Settings, empty_lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(_: Settings) -> None:
        raise LeaseHeld("another job owns the lake")

    monkeypatch.setattr(checkpoints, "owned", held)
    folder = a_query(settings, "refine", 2)
    (folder / "offsets/2").unlink()
    assert run(checkpoints.main, "repair", "refine", "--yes", lake=empty_lake)[0] == LeaseHeld.exit_code
    assert not (folder / "offsets/2").exists()


def test_a_stream_that_cannot_be_reached_is_named_with_what_to_do() -> None:
    nowhere = Settings(lake="", checkpoints="", stream="", kinesis_endpoint="http://127.0.0.1:9")
    with pytest.raises(
        SinkUnavailable, match=r"a of the stream 'events' cannot be read from http://127.0.0.1:9.*--region"
    ):
        list(shard_records.pages(nowhere, "events", "a", Position("TRIM_HORIZON", "")))

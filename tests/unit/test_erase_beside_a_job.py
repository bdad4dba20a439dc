"""A person is erased from bronze while a job appends to it, faster than the person's rows can be chosen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import count
from pathlib import Path

from streaming.events.records import Person
from streaming.operations.erase.rows import Erasure, Removed, bronze
from tests.builders import NOON, a_record
from tests.lake_rows import arrived, rows_of, settings_of


def test_what_a_job_appends_while_rows_are_chosen_is_no_conflict(empty_lake: Path) -> None:
    arrived(empty_lake, a_record(event_id="hers", payload={"user_id": "ann"}))
    numbers = count(10)

    def remember(texts: Iterable[str]) -> None:
        """Called while rows are chosen: meanwhile a record of somebody else arrives, each time."""
        assert list(texts)
        number = next(numbers)
        arrived(empty_lake, a_record(payload={"user_id": "bob"}), first_number=number, time=NOON + timedelta(minutes=1))

    removed = Removed()
    bronze(settings_of(empty_lake), Erasure(Person("ann"), NOON, "erase-1", remember), removed)
    assert removed.bronze == {"records_deleted": 1, "records_rewritten": 0}
    assert not any(b'"ann"' in row["data"] for row in rows_of(empty_lake, "bronze/events"))
    assert len(rows_of(empty_lake, "bronze/events")) == 1, "the first attempt was the last"

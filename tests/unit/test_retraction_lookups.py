"""How retraction finds items: hashes in memory, and few ranges of arrival in the condition of a search."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from streaming.retraction import known
from streaming.retraction.items import hashed
from streaming.retraction.known import Known
from streaming.retraction.removal import quoted, ranged
from tests.builders import NOON


def test_an_item_is_told_from_one_of_another_kind_with_the_same_id() -> None:
    assert hashed("post", ["1"]).tolist() != hashed("comment", ["1"]).tolist()
    assert hashed("post", []).tolist() == []
    assert hashed("post", ["1", "1"]).tolist() == hashed("post", ["1"]).tolist() * 2


def test_hashes_are_known_however_they_were_added() -> None:
    remembered = Known(10_000)
    for part in np.array_split(np.arange(1000, dtype=np.int64), 130):
        remembered.add(part[::-1])
    assert remembered.has(np.array([0, 512, 999, 1000, -1], dtype=np.int64)).tolist() == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert (len(remembered), remembered.forgot) == (1000, False)
    assert Known(1).has(np.array([1], dtype=np.int64)).tolist() == [False]


def test_the_oldest_are_forgotten_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "SEGMENT", 100)
    remembered = Known(250)
    for start in range(0, 400, 100):
        remembered.add(np.arange(start, start + 100, dtype=np.int64))
    assert remembered.has(np.array([0, 399], dtype=np.int64)).tolist() == [False, True]
    assert remembered.forgot
    assert len(remembered) <= 250


@pytest.mark.parametrize(
    ("seconds", "most", "expected"),
    [
        ([], 3, []),
        ([5], 3, [(5, 5)]),
        ([1, 2, 3], 3, [(1, 1), (2, 2), (3, 3)]),
        ([1, 2, 50, 51, 90], 3, [(1, 2), (50, 51), (90, 90)]),
        ([1, 2, 50, 51, 90], 1, [(1, 90)]),
    ],
)
def test_times_are_covered_by_few_ranges_with_the_widest_gaps_between(
    seconds: list[int], most: int, expected: list[tuple[int, int]]
) -> None:
    found = ranged([NOON + timedelta(seconds=each) for each in seconds], most)
    assert [((first - NOON).seconds, (last - NOON).seconds) for first, last in found] == expected


def test_no_id_ends_a_literal() -> None:
    assert quoted("it's '' \\'") == "'it''s '''' \\'''"

"""Objects that live as long as the job are left out of garbage collections."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from streaming.long_lived import LongLived


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def a_hop(batch: int | None, restarts: int = 0) -> dict[str, Any]:
    return {"state": "running", "batch": batch, "restarts": restarts}


def test_nothing_is_frozen_while_a_hop_has_not_worked_yet() -> None:
    LongLived()({"ingest": a_hop(3), "refine": a_hop(None)})
    assert gc.get_freeze_count() == 0


def test_a_collection_passes_over_what_was_there_when_all_hops_had_worked() -> None:
    before = len(gc.get_objects())
    LongLived()({"ingest": a_hop(3), "refine": a_hop(0)})
    assert gc.get_freeze_count() > 0.9 * before
    assert len(gc.get_objects()) < 0.1 * before


def test_a_hop_whose_sink_is_down_holds_nothing_up() -> None:
    LongLived()({"ingest": a_hop(3), "load": a_hop(None, restarts=1)})
    assert gc.get_freeze_count() > 0


def test_objects_that_come_later_are_collected_as_ever() -> None:
    frozen = LongLived()
    frozen({"ingest": a_hop(0)})
    count = gc.get_freeze_count()
    later: list[list[int]] = [[] for _ in range(1000)]
    frozen({"ingest": a_hop(1)})
    assert gc.get_freeze_count() <= count, "frozen objects may die, but none is added"
    assert len(later) == 1000


def test_collections_are_rare_until_all_hops_have_worked() -> None:
    before = gc.get_threshold()
    frozen = LongLived()
    assert gc.get_threshold()[0] > 100 * before[0]
    frozen({"ingest": a_hop(0)})
    assert gc.get_threshold() == before

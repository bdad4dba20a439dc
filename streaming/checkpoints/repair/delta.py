"""Repairs of the checkpoints of refine and aggregate, which read Delta tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from streaming.checkpoints.damage import AGGREGATE, BEHIND, Damage
from streaming.checkpoints.offsets import Plan, newest, plan, plan_before, watermark, write_plan, write_query_id
from streaming.checkpoints.repair.means import Means
from streaming.delta.tables import open_table
from streaming.files import Files
from streaming.settings import Settings
from streaming.tables import bronze_events

# Beside the checkpoints: a folder that holds no `offsets` is taken for no query.
SET_ASIDE = "_damaged"


def stand_in(settings: Settings, damage: Damage) -> Plan | None:
    """A plan that may take the place of a lost one; None if there is none that loses and doubles nothing.

    Of the batch before a finished one Spark reads only that it is there. In place of any other, that of an earlier
    batch makes the query read rows again: refine recognises them, aggregate does not.
    """
    files, checkpoint = Files(settings), settings.checkpoint(damage.hop)
    last = newest(files, checkpoint)
    if last is not None and last.finished and damage.batch < last.batch:
        after = plan(files, checkpoint, last.batch)
        if after is not None:
            return after
    return None if damage.hop == AGGREGATE else plan_before(files, checkpoint, damage.batch)


def write_stand_in(settings: Settings, damage: Damage, means: Means) -> str:  # noqa: ARG001 - what every repair takes
    """Write `offsets/N` from another batch."""
    found = stand_in(settings, damage)
    if found is not None:
        write_plan(Files(settings), settings.checkpoint(damage.hop), damage.batch, found)
    return f"offsets/{damage.batch} is written"


def set_aside(settings: Settings, damage: Damage, means: Means) -> str:  # noqa: ARG001 - what every repair takes
    """Move the checkpoint's folder away, so that the hop begins anew."""
    target = f"{settings.checkpoints}/{SET_ASIDE}/{damage.hop}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    Files(settings).move_folder(settings.checkpoint(damage.hop), target)
    return f"the old checkpoint is now {target}"


def skip_to_snapshot(settings: Settings, damage: Damage, means: Means) -> str:
    """Append what silver lacks of bronze's newest snapshot, then let refine continue after that.

    In this order: a repair that dies in between is begun again, and appends nothing twice.
    """
    files, checkpoint = Files(settings), settings.checkpoint(damage.hop)
    version = open_table(settings, bronze_events.NAME).version()
    last, base = newest(files, checkpoint), plan_before(files, checkpoint, damage.batch + 1)
    if last is None or base is None:
        return "nothing was left to repair"
    # The rows of the first snapshot come in no order of time: any of them may be unread.
    in_order = not any(offset.in_snapshot for offset in base.delta_offsets())
    appended = means.backfill(watermark(files, checkpoint) if in_order else None, version)
    offset = {**base.source(0), "reservoirVersion": version + 1, "index": -1, "isStartingVersion": False}
    moved = base._replace(sources=(json.dumps(offset),))
    # A batch that had begun is made empty: it begins where it ends.
    for batch in range(last.batch if last.finished else max(0, last.batch - 1), last.batch + 1):
        write_plan(files, checkpoint, batch, moved)
    if damage.kind == BEHIND:
        write_query_id(files, checkpoint)
    return f"{appended:,} rows appended to silver; refine continues after version {version} of bronze/events"

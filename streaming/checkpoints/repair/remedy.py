"""Which repair a damage needs, what it does and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from streaming.checkpoints.damage import (
    AGGREGATE,
    BEHIND,
    COMMIT,
    IDENTITY,
    INGEST,
    OTHER_TABLE,
    PLAN,
    SHARD,
    STATE,
    Damage,
)
from streaming.checkpoints.repair import delta, ingest, spark, state
from streaming.checkpoints.repair.means import Means
from streaming.checkpoints.versions import WHAT_TO_DO
from streaming.settings import Settings


class Remedy(NamedTuple):
    """What a repair does, what it costs, and the function that does it and returns the result as a sentence.

    `act` is None where nothing is left to repair from: then `does` says what to do by hand.
    """

    does: str
    costs: str
    act: Callable[[Settings, Damage, Means], str] | None


FIND_END = Remedy(
    "reads the shard from the stream, from where its last batch began, and continues after its last record that bronze "
    "holds",
    "requests to Kinesis for the records of that batch; nothing is lost or doubled",
    ingest.find_end,
)
CATCH_UP = Remedy(
    "reads each shard from the stream, from where the checkpoint ends, and continues after its last record that bronze "
    "holds",
    "requests to Kinesis for the records since then; shards that were split or merged since then are read from their "
    "beginning, and refine drops the copies",
    ingest.catch_up_with_bronze,
)
WRITE_PLAN = Remedy(
    "writes the file from where the batch before it ended", "nothing: no record is read again", ingest.write_lost_plan
)
READ_AGAIN = Remedy(
    "writes the file from another batch",
    "at most the rows of one batch are read again; refine drops the copies by the ids that it remembers",
    delta.write_stand_in,
)
BEGIN_ANEW = Remedy(
    "sets the checkpoint aside, so that the hop counts all of silver into gold again",
    "gold is incomplete until that is done; cohorts are those of the profiles that are known by now",
    delta.set_aside,
)
SKIP = Remedy(
    "appends to silver the events that it lacks of bronze's newest snapshot, and continues after that",
    "bronze is read from a day before the first unread row on; texts are scored by the present champion; a copy of one "
    "of these events that arrives later is not recognised",
    delta.skip_to_snapshot,
)
REBUILD = Remedy(
    "removes the damaged snapshot, so that Spark takes an older one and applies all changes since then",
    "nothing: no id is forgotten",
    state.rebuild,
)
FORGET = Remedy(
    "begins this part of the state anew, without the ids of known events",
    "copies of this part's events of the last day that arrive later are not recognised",
    state.forget,
)
PROCESS_AGAIN = Remedy(
    "removes the file, so that the batch is processed again",
    "one batch; tables that hold it leave it out",
    spark.process_again,
)
RESTORE_ID = Remedy("finds the id in the logs of the tables that the hop writes", "nothing", spark.restore_id)
OF_EVERY_QUERY = {COMMIT: PROCESS_AGAIN, IDENTITY: RESTORE_ID}


def remedy(settings: Settings, damage: Damage) -> Remedy:
    """The repair of this damage."""
    if damage.kind in OF_EVERY_QUERY:
        return OF_EVERY_QUERY[damage.kind]
    if damage.kind == STATE:
        return REBUILD if state.can_be_rebuilt(settings, damage) else FORGET
    if damage.hop == INGEST:
        found = {SHARD: FIND_END, BEHIND: CATCH_UP}.get(damage.kind, WRITE_PLAN)
        if damage.kind != PLAN or ingest.has_plan(settings, damage):
            return found
    elif damage.kind == PLAN and delta.stand_in(settings, damage):
        return READ_AGAIN
    elif damage.hop == AGGREGATE:
        return BEGIN_ANEW
    elif damage.kind not in (PLAN, OTHER_TABLE):
        return SKIP
    return Remedy(f"nothing is left to repair it from; by hand: {WHAT_TO_DO[damage.hop]}", "see there", None)

"""The commit points: named places around the commits, where a process that ends loses or doubles rows if anything can.

The code calls `reached` there. It does nothing unless the program that runs the job installed an observer first: chaos
tests do, to end the process at one of the points (`moodstream chaos`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

POINTS: Mapping[str, str] = {
    "ingest.before_delta_commit": "The records of a micro-batch are in data files that no commit names yet.",
    "ingest.before_spark_commit": "Bronze holds the micro-batch; the checkpoint does not know it yet.",
    "refine.computed": "A micro-batch is scored and in data files; no table has committed them.",
    "refine.quarantined": "The rows that fail a micro-batch are in quarantine; no table of silver has the batch yet.",
    "refine.between_tables": "A table of silver is about to commit; from the second time on, others have committed.",
    "refine.written": "All tables of silver hold the micro-batch; the checkpoint does not know it yet.",
    "aggregate.between_tables": "A keyed table holds the micro-batch; others do not hold it yet.",
    "aggregate.written": "All keyed tables hold the micro-batch; the checkpoint does not know it yet.",
    "upsert.merged": "silver/users holds new versions of silver/user_changes; the hop has not noted that yet.",
    "load.quarantined": "The rows that the warehouse refuses are in quarantine; the load without them has not begun.",
    "load.before_commit": "The rows of a load are in a transaction of the warehouse that is still open.",
    "load.committed": "The warehouse holds the new versions of silver; the hop has not noted that yet.",
    "serve.quarantined": "The gold rows that the warehouse refuses are in quarantine; the rest is not served yet.",
    "serve.committed": "The warehouse holds the newest gold rows; the hop has not noted that yet.",
    "correction.committed": "A table of silver holds a correction; gold does not hold its difference yet.",
    "retract.corrected": "Silver and gold hold what a round retracts; the ledger and the positions do not say so yet.",
    "retract.noted": "The ledger has the round's deletions; the index lacks the round's items.",
    "retract.facts_deleted": "The warehouse has lost the facts; the file that asks for it is still there.",
    "observe.noted": "The file beside the checkpoint says which texts a batch takes; none is scored yet.",
    "observe.committed": "Gold holds what the batch found.",
}

# Reached only by a batch with rows that make it fail: a run without such rows would wait for them in vain.
ONLY_WITH_BAD_ROWS = frozenset(point for point in POINTS if point.endswith(".quarantined"))

Observer = Callable[[str], None]

_observer: Observer | None = None


def observe(observer: Observer | None) -> None:
    """Have `observer` called with the point's name at every point from now on; None: nobody.

    Call it before the job starts. `observer` is called in whichever thread reaches the point, several at once.
    """
    # Set once by the outermost program: as a parameter it would pass through every sink.
    global _observer
    _observer = observer


def reached(point: str) -> None:
    """Tell the observer, if there is one, that the job has reached `point`, a key of POINTS."""
    if _observer is not None:
        _observer(point)

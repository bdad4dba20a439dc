"""What each micro-batch reads and writes, noted where it happens, for an observer such as the lineage.

Sources and sinks call `read`, `wrote` and `scored_with`. These do nothing unless the program that runs the job
installed an observer first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass
class BatchRecord:
    """One micro-batch of a query (`query` is its id), or one round of a loop (`query` is None).

    `reads` and `writes`: by table, the newest Delta version; None for a table without versions, such as one of the
    warehouse. Tables are named as in the lake (`silver/posts`), those of the warehouse `dw.fact_post`.
    """

    hop: str
    query: str | None
    batch: int
    began: datetime
    reads: dict[str, int | None] = field(default_factory=dict)
    writes: dict[str, int | None] = field(default_factory=dict)
    model_version: str | None = None


# Called once a batch is done, in the thread that worked at it, with the error that ended it or None. Never raises.
Observer = Callable[[BatchRecord, BaseException | None], None]

_observer: Observer | None = None
_current: ContextVar[BatchRecord | None] = ContextVar("batch_record", default=None)


def observe(observer: Observer | None) -> None:
    """Have `observer` called after every batch from now on; None: nobody. Call it before the job starts."""
    # Set once by the outermost program: as a parameter it would pass through every source and sink.
    global _observer
    _observer = observer


@contextmanager
def recorded(hop: str, query: str | None, batch: int) -> Iterator[None]:
    """What this thread reads and writes until the end of the block belongs to this batch."""
    if _observer is None:
        yield
        return
    record = BatchRecord(hop, query, batch, datetime.now(UTC))
    before = _current.set(record)
    try:
        yield
    except Exception as failure:
        _observer(record, failure)
        raise
    else:
        _observer(record, None)
    finally:
        _current.reset(before)


def read(table: str, version: int | None = None) -> None:
    """The batch has read a table up to this version."""
    if record := _current.get():
        record.reads[table] = version


def wrote(table: str, version: int | None = None) -> None:
    """The batch has written to a table, which has this version now."""
    if record := _current.get():
        record.writes[table] = version


def scored_with(version: str) -> None:
    """The batch's texts are scored by this version of the model."""
    if record := _current.get():
        record.model_version = version

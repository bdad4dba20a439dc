"""A deterministic simulation of jobs that fight for one lake: lease, fencing token, table and warehouse, without Spark.

Real: `take`, `Heartbeat`, `FileAppend` and `HopToken`. By hand: their storage. A table's log takes one commit a
version; the warehouse does what load/lease.sql and load/claim.sql do. Every call of the storage is a point where the
seeded scheduler may run another thread, stop or kill a process, let time pass, or lose the answer of a commit.

What a batch holds is decided while it is read, as with Kinesis: two jobs read other records under the same number. Left
out: the position files that a Kinesis connector writes into the checkpoint; the table itself tells where a batch ended.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from deltalake.exceptions import CommitFailedError
from pyspark.sql import Row

from streaming.delta.append import FileAppend
from streaming.errors import LeaseHeld, LeaseLost
from streaming.fencing import Token
from streaming.lease.heartbeat import Heartbeat
from streaming.lease.owner import Owner
from streaming.lease.storage import SignOfLife
from streaming.lease.take import take
from streaming.settings import Settings
from streaming.warehouse.base import HopToken

QUERY, LATEST, LEASE = "query", "latest", "a-lake"
RECORDS = 30
TERM = 4.0
FAULTY_STEPS = 240
MAX_STEPS = 4000


class Killed(BaseException):
    """The process of this thread is killed: nothing in it may catch that."""


class NeverFinished(Exception):
    """A calm job did not get to the end."""


@dataclass
class Process:
    """One start of the job: a thread that works and one that gives signs of life."""

    name: str
    threads: list[Actor] = field(default_factory=list)
    dead: bool = False
    stopped_until: int = 0
    wall_clock_ahead: float = 0.0


class Actor(threading.Thread):
    """A thread that runs only while the scheduler waits for it."""

    def __init__(self, process: Process, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.process = process
        self._work = work
        self._mine, self._scheduler_s = threading.Semaphore(0), threading.Semaphore(0)
        self.ended = False
        self.failure: BaseException | None = None

    def run(self) -> None:
        self._mine.acquire()
        try:
            if not self.process.dead:
                self._work()
        except (Killed, LeaseHeld, LeaseLost, CommitFailedError):
            pass
        except BaseException as failure:  # the scheduler raises it
            self.failure = failure
        self.ended = True
        self._scheduler_s.release()

    def pause(self) -> None:
        """Called by the thread itself: let the scheduler decide what happens next."""
        self._scheduler_s.release()
        self._mine.acquire()
        if self.process.dead:
            raise Killed

    def step(self) -> None:
        """Called by the scheduler: run until the next pause or the end."""
        self._mine.release()
        self._scheduler_s.acquire()
        if self.failure:
            raise self.failure


@dataclass(frozen=True)
class Commit:
    """A version of the table: application transactions, the records of its file, the job's token number."""

    marks: dict[str, int]
    records: tuple[int, ...]
    by: int


class World:
    """Everything that outlives a process, and the scheduler."""

    def __init__(self, seed: int, *, fenced: bool = True) -> None:
        self.chance = random.Random(seed)
        self.fenced = fenced
        self.now = 0.0
        self.steps = 0
        self.log: list[Commit] = []
        self.files: dict[str, tuple[int, ...]] = {}
        self.owners: dict[str, int] = {}
        self.signs: dict[int, SignOfLife] = {}
        self.loads: list[tuple[int, int, tuple[int, ...]]] = []
        self.highest_loaded = 0
        self.processes: list[Process] = []

    def point(self) -> None:
        """Where the scheduler may interleave; called by the storage before and after each effect."""
        actor = threading.current_thread()
        assert isinstance(actor, Actor)
        actor.pause()

    def answer_lost(self) -> bool:
        return self.steps < FAULTY_STEPS and self.chance.random() < 0.08

    def start(self) -> None:
        process = Process(f"process {len(self.processes)}", wall_clock_ahead=self.chance.uniform(0, 60))
        self.processes.append(process)
        worker = Actor(process, Work(self, process))
        process.threads.append(worker)
        worker.start()

    def run(self) -> None:
        """Two jobs under faults, then as many calm steps as one job needs to process all records."""
        while not self.done():
            self.steps += 1
            if self.steps == MAX_STEPS:
                self._end()
                raise NeverFinished
            faulty = self.steps < FAULTY_STEPS
            if faulty:
                self._harm()
            alive = [each for each in self.processes if not each.dead and not _over(each)]
            while len(alive) < (2 if faulty else 1):
                self.start()
                alive.append(self.processes[-1])
            able = [each for each in alive if each.stopped_until <= self.steps or not faulty]
            threads = [thread for process in able for thread in process.threads if not thread.ended]
            if threads:
                self.chance.choice(threads).step()
            self.now += self.chance.choice([0.0, 0.1, 0.5])
        self._end()

    def done(self) -> bool:
        return len(self.loaded()) >= RECORDS and len(self.appended()) >= RECORDS

    def appended(self) -> list[int]:
        return [record for commit in self.log for record in commit.records]

    def loaded(self) -> list[int]:
        return [record for _, _, records in self.loads for record in records]

    def _harm(self) -> None:
        process, dice = self.chance.choice(self.processes or [Process("nobody")]), self.chance.random()
        if dice < 0.02:
            process.dead = True
        elif dice < 0.12:
            process.stopped_until = self.steps + self.chance.randint(5, 60)
        elif dice < 0.15:
            self.now += self.chance.uniform(1, 2 * TERM)  # the clocks of all leap

    def _end(self) -> None:
        for process in self.processes:
            process.dead = True
            for thread in process.threads:
                while not thread.ended:
                    thread.step()
                thread.join()


def _over(process: Process) -> bool:
    return bool(process.threads) and process.threads[0].ended


class Table:
    """One process's handle of the table, as far as FileAppend uses a DeltaTable."""

    table_uri = "bronze"

    def __init__(self, world: World) -> None:
        self._world = world
        self._version = 0

    def version(self) -> int:
        return self._version

    def update_incremental(self) -> None:
        self._world.point()
        self._version = len(self._world.log)

    def transaction_version(self, name: str) -> int | None:
        found = [commit.marks[name] for commit in self._world.log[: self._version] if name in commit.marks]
        return found[-1] if found else None

    def held(self) -> list[tuple[int, ...]]:
        """The records of each batch in the snapshot, in order."""
        return [commit.records for commit in self._world.log[: self._version] if commit.records]

    def schema(self) -> None: ...

    def metadata(self) -> Table:
        return self

    partition_columns = ()

    def create_write_transaction(self, actions: list[Any], commit_properties: Any, **_other: Any) -> None:
        self._world.point()
        assert commit_properties.max_commit_retries == 0
        if self._version != len(self._world.log):
            raise CommitFailedError("another commit came first")
        marks = {each.app_id: each.version for each in commit_properties.app_transactions}
        records = self._world.files[actions[0].path] if actions else ()
        self._world.log.append(Commit(marks, records, marks.get(f"lease/{LEASE}", 0)))
        if self._world.answer_lost():
            raise CommitFailedError("the answer was lost")
        self._world.point()


class Lease:
    """The lease's storage, as one process sees it."""

    id = LEASE

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: dict[str, int] = {}

    def tokens(self) -> dict[str, int]:
        self._world.point()
        self._seen = dict(self._world.owners)
        return dict(self._seen)

    def take(self, hops: Iterable[str], number: int) -> bool:
        self._world.point()
        if self._seen != self._world.owners:
            return False
        self._world.owners.update(dict.fromkeys(hops, number))
        return not self._world.answer_lost()

    def sign(self, number: int) -> SignOfLife | None:
        self._world.point()
        return self._world.signs.get(number)

    def show(self, number: int, sign: SignOfLife) -> None:
        self._world.point()
        self._world.signs[number] = sign


class Work:
    """What a process does: take the lease, then append and load one batch after the other."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process

    def __call__(self) -> None:
        sign = SignOfLife(Owner(self._process.name, 1, "now"), ("ingest",), TERM)
        token = take(Lease(self._world), sign, "lake", self._clock, self._sleep)
        self._beat_beside(Heartbeat(Lease(self._world), token, sign, self._lost))
        table: Any = Table(self._world)
        settings = Settings("lake", "", "", token=token if self._world.fenced else None)
        append = FileAppend(settings, "bronze", QUERY, table)
        position: int | None = None
        while position is None or position < RECORDS:
            position = self._batch(append, table, token, position)

    def _batch(self, append: FileAppend, table: Table, token: Token, position: int | None) -> int:
        if position is None:  # after a start: the last batch in the table may not have been loaded
            table.update_incremental()
            held = table.held()
            for batch, records in enumerate(held):
                self._load(token, batch, records)
            self._next = len(held)
            return held[-1][-1] + 1 if held else 0
        if append.holds(self._next):
            self._next += 1
            return self._batch(append, table, token, None)
        self._world.point()
        records = tuple(range(position, min(position + self._world.chance.randint(1, 4), RECORDS)))
        path = f"{self._process.name}-{self._next}"
        self._world.files[path] = records
        row = Row(path=path, size=1, partition="{}", modified=0, statistics="{}")
        append.commit([row], self._next, {LATEST: int(self._world.now + self._process.wall_clock_ahead)})
        self._load(token, self._next, records)
        self._next += 1
        return records[-1] + 1

    def _load(self, token: Token, batch: int, records: tuple[int, ...]) -> None:
        """One transaction, as in load/lease.sql and load/claim.sql."""
        self._world.point()
        if self._world.fenced:
            HopToken(token, "load").check(self._world.highest_loaded)
            self._world.highest_loaded = token.number
        if not any(known >= batch for _, known, _ in self._world.loads):
            self._world.loads.append((token.number, batch, records))
        self._world.point()

    def _beat_beside(self, heart: Heartbeat) -> None:
        def beat() -> None:
            while heart.beat(self._world.now):
                self._world.point()

        thread = Actor(self._process, beat)
        self._process.threads.append(thread)
        thread.start()

    def _lost(self, _why: str) -> None:
        self._process.dead = True

    def _clock(self) -> float:
        return self._world.now

    def _sleep(self, seconds: float) -> None:
        end = self._world.now + seconds
        while self._world.now < end:
            self._world.point()

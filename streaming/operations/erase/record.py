"""What an erasure was asked to do, and by which texts it finds the person's rows in training data.

Training data names no person, so that rows are found by their text, and silver and bronze lose the texts halfway
through an erasure. So each run writes its record before it changes anything: a run that follows, after a crash or "run
the job, then erase again", knows what is still to do. Records stay: training data may turn up years later.

A record is `LAKE/_erasures/SHA256-OF-USER-ID/ERASURE.json`. Of a text it holds a hash with the user id in it: without
the id nobody can look up whether the person wrote a given text. Each run writes its own file only, so two never race.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime

from streaming.files import Files
from streaming.settings import Settings

FOLDER = "_erasures"


@dataclass
class _Run:
    """One run as its file holds it. `feedback`, `warehouse`: what was asked; `settled`: which of it is done."""

    before: str
    texts: list[str] = field(default_factory=list)
    feedback: list[str] = field(default_factory=list)
    warehouse: str | None = None
    settled: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    @property
    def asked(self) -> set[str]:
        """The feedback files and the warehouse."""
        return {*self.feedback, *([self.warehouse] if self.warehouse else [])}


class Record:
    """The record of one run, with those of the person's earlier runs."""

    def __init__(self, settings: Settings, user: str, erasure: str, before: datetime) -> None:
        """Read the earlier runs of this `user`; writes nothing yet."""
        self._files = Files(settings)
        self._user = user
        self.user_sha256 = hashlib.sha256(user.encode()).hexdigest()
        folder = f"{settings.lake}/{FOLDER}/{self.user_sha256}"
        self._path = f"{folder}/{erasure}.json"
        self._earlier = [_Run(**self._files.read_json(f"{folder}/{each.name}")) for each in self._files.below(folder)]
        self._own = _Run(before.isoformat())
        self._texts = {text for run in self._earlier for text in run.texts}

    def ask(self, feedback: Iterable[str], warehouse: str | None, dropped: Iterable[str] = ()) -> None:
        """Write down what this run is asked to do; `dropped`: feedback files that no run has to do any more."""
        self._own.feedback, self._own.warehouse = sorted(set(feedback)), warehouse
        self._own.dropped = sorted(set(dropped))
        self._write()

    def remember(self, texts: Iterable[str]) -> None:
        """Write down the hashes of the person's texts; call it before the rows that hold them change."""
        new = {self.hash(text) for text in texts} - self._texts
        if new:
            self._texts |= new
            self._own.texts = sorted({*self._own.texts, *new})
            self._write()

    def settle(self, what: Iterable[str]) -> None:
        """Write down that these feedback files or warehouses hold nothing of the person any more."""
        self._own.settled = sorted({*self._own.settled, *what})
        self._write()

    @property
    def texts_known(self) -> int:
        """How many texts of the person any of the runs has seen."""
        return len(self._texts)

    @property
    def feedback(self) -> list[str]:
        """The feedback files of this run, and those that earlier runs were asked for and have not done."""
        pending = {path for run in self._earlier for path in run.feedback if self._is_pending(path)}
        return sorted({*self._own.feedback, *pending} - set(self._own.dropped))

    @property
    def warehouses_left(self) -> list[str]:
        """The warehouses that earlier runs were asked for and have not done, without that of this run."""
        pending = {run.warehouse for run in self._earlier if run.warehouse and self._is_pending(run.warehouse)}
        return sorted(pending - {self._own.warehouse})

    def wrote(self, text: str) -> bool:
        """Whether the person wrote this text; white space does not count, since editors of training data change it."""
        return self.hash(text) in self._texts

    def hash(self, text: str) -> str:
        """What the record holds of a text."""
        return hashlib.sha256(f"{self._user}\0{' '.join(text.split())}".encode(errors="surrogatepass")).hexdigest()

    def _is_pending(self, what: str) -> bool:
        asked = max(run.before for run in self._earlier if what in run.asked)
        return not any(run.before >= asked and what in (*run.settled, *run.dropped) for run in self._earlier)

    def _write(self) -> None:
        self._files.write_json(self._path, asdict(self._own))

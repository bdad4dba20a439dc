"""Where an author lives and how old they are, by the newest profile in silver."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from streaming.delta.log import AppendedRows
from streaming.delta.tables import open_table, plain
from streaming.settings import Settings
from streaming.tables import silver_user_changes, silver_users
from streaming.tables.gold_sentiment_by_cohort import NO_COHORT, Cohort, cohort

# A person who was erased is forgotten here as well, after an hour at the latest.
FORGET_AFTER_S = 3600.0
MOST_REMEMBERED = 200_000
# Rows of silver/user_changes that are read at once.
AT_ONCE = 100_000
COLUMNS = [
    field
    for field in silver_users.TABLE.schema
    if field.name in {"user_id", "user_age", "user_location", "event_time", "sequence_number", "record_index"}
]


# Of silver/users. The time is enough: sequence numbers are long, and there may be a million of them.
LOOKED_AT = ("user_id", "user_age", "user_location", "event_time")


class Profile(NamedTuple):
    """A cohort, when it was set (see `silver_users.recency`), and the version of silver/user_changes that has it."""

    recency: tuple[Any, ...]
    cohort: Cohort
    version: int


class Authors:
    """Cohorts by user id, remembered between calls; whoever is not remembered is looked up in silver/users.

    That table lags behind silver/user_changes by the rest of the hop upsert, so the changes that it lacks are read
    besides. Called by one thread.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._changes = AppendedRows(settings, silver_user_changes.NAME)
        self._forget()

    def _forget(self) -> None:
        self._known: dict[str, Cohort] = {}
        self._newer: dict[str, Profile] = {}
        self._read_to: int | None = None
        self._followed = ""
        self._since = time.monotonic()

    def cohorts(self, users: Iterable[str]) -> Mapping[str, Cohort]:
        """The cohort of each of `users`, by every profile change that silver holds."""
        if time.monotonic() - self._since > FORGET_AFTER_S or len(self._known) > MOST_REMEMBERED:
            self._forget()
        self._read_changes()
        wanted = set(users)
        missing = wanted - self._known.keys()
        if missing:
            self._known |= self._looked_up(missing)
        return {user: self._known[user] for user in wanted}

    def _read_changes(self) -> None:
        """Take in what silver/user_changes gained since the last call; at first, what silver/users lacks."""
        if self._read_to is None:
            self._read_to = self._first()
        while self._read_to is not None and (until := self._changes.reach(self._read_to, AT_ONCE)) > self._read_to:
            self._take(self._changes.rows(self._read_to, until, pa.schema(COLUMNS)), until)
            self._read_to = until

    def _first(self) -> int | None:
        """The version after which changes are read: the last one that silver/users holds; None before any change."""
        try:
            held, newest = self._held(self._users()), self._changes.newest()
        except TableNotFoundError:
            return None
        # A log that begins later was made by an earlier release, which put every change into silver/users at once.
        return held if self._changes.reach(held, AT_ONCE) > held else newest

    def _take(self, rows: pa.Table, version: int) -> None:
        for row in rows.to_pylist():
            known = self._newer.get(row["user_id"])
            if known is None or silver_users.recency(row) > known.recency:
                self._newer[row["user_id"]] = _profile(row, version)
                # The change may be older than what the table holds: let the table say.
                self._known.pop(row["user_id"], None)

    def _users(self) -> DeltaTable | None:
        try:
            return open_table(self._settings, silver_users.NAME)
        except TableNotFoundError:
            return None

    def _held(self, users: DeltaTable | None) -> int:
        """The version of silver/user_changes up to which silver/users holds it; -1 for none."""
        if not self._followed:
            changes = open_table(self._settings, silver_user_changes.NAME)
            self._followed = silver_users.follower(str(changes.metadata().id))
        version = users.transaction_version(self._followed) if users else None
        return -1 if version is None else version

    def _looked_up(self, wanted: set[str]) -> dict[str, Cohort]:
        found = {user: self._newer[user] for user in wanted & self._newer.keys()}
        if (users := self._users()) is not None:
            held, ids = self._held(users), pa.array(sorted(wanted), pa.string())
            for batch in users.scan(columns=list(LOOKED_AT)):
                rows = plain(pa.table(batch))
                for row in rows.filter(pc.is_in(rows["user_id"], value_set=ids)).to_pylist():
                    known = found.get(row["user_id"])
                    # Of two changes at the same moment, the one that the table lacks came later.
                    if known is None or row["event_time"] > known.recency[0]:
                        found[row["user_id"]] = _profile(row, held)
            self._newer = {user: profile for user, profile in self._newer.items() if profile.version > held}
        return {user: found[user].cohort if user in found else NO_COHORT for user in wanted}


def _profile(row: Mapping[str, Any], version: int) -> Profile:
    return Profile(silver_users.recency(row), cohort(row["user_location"], row["user_age"]), version)

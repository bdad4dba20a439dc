"""Where an author lives and how old they are, as silver/users knows it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from streaming.delta.tables import open_table, plain
from streaming.settings import Settings
from streaming.tables import silver_users
from streaming.tables.gold_sentiment_by_cohort import NO_COHORT, Cohort, cohort

# A person who was erased is forgotten here as well, after an hour at the latest.
FORGET_AFTER_S = 3600.0
MOST_REMEMBERED = 200_000
COLUMNS = ["user_id", "user_age", "user_location"]


class Authors:
    """Cohorts by user id, remembered between batches; whoever is not remembered is looked up in the table at once.

    Called by one thread, after silver/users has taken the batch's changes.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, Cohort] = {}
        self._since = time.monotonic()

    def cohorts(self, users: Iterable[str], changes: Iterable[Mapping[str, Any]]) -> Mapping[str, Cohort]:
        """The cohort of each of `users`; `changes` are the profile events that this batch brought."""
        if time.monotonic() - self._since > FORGET_AFTER_S or len(self._known) > MOST_REMEMBERED:
            self._known, self._since = {}, time.monotonic()
        for change in changes:
            # The change may be older than what the table holds: let the table say.
            self._known.pop(change["user_id"], None)
        wanted = set(users)
        missing = wanted - self._known.keys()
        if missing:
            self._known |= dict.fromkeys(missing, NO_COHORT) | self._looked_up(missing)
        return {user: self._known[user] for user in wanted}

    def _looked_up(self, users: set[str]) -> dict[str, Cohort]:
        ids = pa.array(sorted(users), pa.string())
        found: dict[str, Cohort] = {}
        for batch in open_table(self._settings, silver_users.NAME).scan(columns=COLUMNS):
            rows = plain(pa.table(batch))
            hits = rows.filter(pc.is_in(rows["user_id"], value_set=ids)).to_pylist()
            found |= {row["user_id"]: cohort(row["user_location"], row["user_age"]) for row in hits}
        return found

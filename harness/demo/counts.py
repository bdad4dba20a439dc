"""Row counts of each layer, cheap enough for every second: read from the logs of the Delta tables."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from streaming.delta import log, tables
from streaming.files import Files

if TYPE_CHECKING:
    from deploy.local.workdir import Workdir

SILVER = ("posts", "comments", "interactions", "user_changes")
SENTIMENT_MINUTES = 5


@dataclass
class RowCount:
    """Counts a table's rows by following its log; after a commit that changed rows it counts the snapshot anew."""

    table: Path
    rows: int = 0
    _next: int = -1

    def update(self) -> int:
        """The rows at the table's present version; 0 while there is no table."""
        if self._next < 0 and not self._begin():
            return 0
        while (entry := self._entry(self._next)) is not None:
            if entry.removed:
                self._begin()
                continue
            self.rows += sum(file.rows for file in entry.added)
            self._next += 1
        return self.rows

    def _entry(self, version: int) -> log.Entry | None:
        return log.read_entry(Files(), str(self.table), version)

    def _begin(self) -> bool:
        try:
            delta = DeltaTable(str(self.table))
        except TableNotFoundError:
            return False
        counts = delta.get_add_actions(flatten=True).column("num_records").to_pylist()
        self.rows, self._next = sum(count or 0 for count in counts), delta.version() + 1
        return True


@dataclass
class Snapshot:
    """Some columns of a table, read again only once the table has another version."""

    table: Path
    columns: list[str]
    _open: DeltaTable | None = None
    _version: int = -1
    _rows: pa.Table | None = None

    def rows(self) -> pa.Table | None:
        """The newest rows; None while there is no table. If its files go meanwhile, those that were read last."""
        try:
            if self._open is None:
                self._open = DeltaTable(str(self.table))
            self._open.update_incremental()
            if self._open.version() != self._version:
                self._rows = tables.read(self._open, self.columns)
                self._version = self._open.version()
        except TableNotFoundError:
            return None
        except (DeltaError, OSError):  # vacuumed meanwhile, or made anew
            self._open = None
        return self._rows


@dataclass
class Layers:
    """Row counts of all layers of a working directory, and the sentiment of the last minutes."""

    workdir: Workdir
    _tables: dict[str, RowCount] = field(default_factory=dict)
    _snapshots: dict[str, Snapshot] = field(default_factory=dict)

    def bronze(self) -> int:
        """Records in bronze."""
        return self.table("bronze/events")

    def silver(self) -> int:
        """Accepted events."""
        return sum(self.table(f"silver/{name}") for name in SILVER)

    def rejected(self) -> int:
        """Rejected events."""
        return self.table("silver/rejected")

    def freshness(self) -> dict[str, Any]:
        """Events that gold has counted, and the lag of its last batch in seconds; empty before the first batch."""
        rows = self._gold("freshness", ["batch_id", "committed_at", "events", "lag_p50_s", "lag_p95_s"])
        if rows is None or not rows.num_rows:
            return {}
        last: dict[str, Any] = rows.sort_by("committed_at").slice(rows.num_rows - 1).to_pylist()[0]
        return last | {"total": sum(rows["events"].to_pylist())}

    def sentiment(self) -> dict[str, float]:
        """Shares of the last minutes' texts by sentiment, and their mean polarity; empty without texts."""
        rows = self._gold(
            "sentiment_by_minute", ["minute", "events", "negative", "neutral", "positive", "polarity_sum"]
        )
        if rows is None or not rows.num_rows:
            return {}
        since = time.time() - 60 * (SENTIMENT_MINUTES + 1)
        recent = [row for row in rows.to_pylist() if row["minute"].timestamp() >= since]
        events = sum(row["events"] for row in recent)
        if not events:
            return {}
        sums = {name: sum(row[name] for row in recent) for name in ("negative", "neutral", "positive", "polarity_sum")}
        shares = {name: value / events for name, value in sums.items()}
        return {**shares, "polarity": shares.pop("polarity_sum")}

    def table(self, name: str) -> int:
        """Rows of an append-only table."""
        count = self._tables.setdefault(name, RowCount(self.workdir.table(name)))
        return count.update()

    def _gold(self, name: str, columns: list[str]) -> pa.Table | None:
        table = self.workdir.table(f"gold/{name}")
        return self._snapshots.setdefault(name, Snapshot(table, columns)).rows()

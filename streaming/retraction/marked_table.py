"""An append table of this hop: each commit says how far the hop has read, and carries the job's fencing token."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from deltalake import DeltaTable, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError

from streaming.delta import fence
from streaming.delta.append import ATTEMPTS, PROPERTIES, Compacting
from streaming.delta.tables import add_missing_columns, location, storage_options
from streaming.settings import Settings
from streaming.tables.columns import PARTITIONS


class MarkedTable:
    """Rows and marks (numbers by name) become visible in one commit, so that a crash never divides them.

    Raises LeaseLost if another job has taken over, and CommitFailedError if other programs commit first ATTEMPTS times.
    """

    def __init__(self, settings: Settings, name: str, schema: pa.Schema) -> None:
        """Creates the table if there is none; an existing one gets the columns that it lacks."""
        self._schema = schema
        self._token = settings.token
        self.delta = DeltaTable.create(
            location(settings.table(name)),
            schema=schema,
            mode="ignore",
            partition_by=list(PARTITIONS),
            configuration=dict(PROPERTIES),
            storage_options=storage_options(settings),
        )
        add_missing_columns(self.delta, Schema.from_arrow(schema))
        fence.show(self.delta, self._token)
        self._compacting = Compacting(settings, name)

    def mark(self, name: str) -> int | None:
        """The number that was last committed under this name; None if there was none."""
        return self.delta.transaction_version(name)

    def append(self, rows: pa.Table, marks: Mapping[str, int]) -> None:
        """Append rows (the table's schema) with marks; without rows the marks are not worth a commit."""
        if not rows.num_rows:
            return
        for attempt in range(ATTEMPTS):
            self.delta.update_incremental()
            fence.check(self.delta, self._token)
            properties = fence.properties(self._token, marks)
            try:
                write_deltalake(self.delta, rows.cast(self._schema), mode="append", commit_properties=properties)
            except CommitFailedError:
                if attempt == ATTEMPTS - 1:
                    raise
                continue
            break
        self._compacting.committed()

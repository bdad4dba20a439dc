"""One round of bringing the warehouse's aggregates up with gold, all tables in one transaction."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from streaming import batch_record, commit_points
from streaming.delta.changes import changes
from streaming.delta.log import in_log
from streaming.delta.tables import open_table
from streaming.files import Files
from streaming.settings import Settings
from streaming.tables.keyed_table import KeyedTable
from streaming.warehouse import statements
from streaming.warehouse.base import Load, Warehouse
from streaming.warehouse.left_out import LeavesOut

log = logging.getLogger(__name__)

GOLD = tuple(statements.GOLD.values())


def identity(target: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies a gold row in silver/quarantined."""
    table = statements.GOLD[target]
    return {"table_name": table.name, "key": json.dumps({name: row[name] for name in table.key_names}, default=str)}


def _kept() -> None:
    commit_points.reached("serve.quarantined")


class Server:
    """One round of serving. Absolute values replace those of the same key, so that a repeated round changes nothing."""

    def __init__(self, settings: Settings, warehouse: Warehouse) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self._leaves_out = LeavesOut(settings, warehouse, "serve", identity, _kept)
        self._files = Files(settings)
        self._tables: dict[str, DeltaTable] = {}
        self._served: dict[str, int | None] = {}

    def __call__(self) -> Mapping[str, Any]:
        """Bring every aggregate to its table's present version; safe to repeat."""
        started_at = datetime.now(UTC)
        loads = [load for table in GOLD if (load := self._changed(table, started_at)) is not None]
        if loads:
            self._leaves_out.commit(loads)
            commit_points.reached("serve.committed")
            self._served |= {load.query: load.batch_id for load in loads}
            _record(loads)
        return {"numInputRows": sum(load.rows for load in loads)}

    def _changed(self, gold: KeyedTable, started_at: datetime) -> Load | None:
        table = self._newest(gold.name)
        if table is None:
            return None
        target = gold.name.removeprefix("gold/")
        # The table's id is in the name: a lake that was made anew starts from version 0 again.
        query = f"serve/{target}/{table.metadata().id}"
        if query not in self._served:
            self._served[query] = self._warehouse.last_batch(query)
        served = self._served[query]
        if served is not None and served >= table.version():
            return None
        if served is not None and not in_log(self._files, self._settings.table(gold.name), served + 1):
            log.warning("%s: the log no longer holds version %d; serving the whole table", gold.name, served + 1)
            served = None
        change = changes(table, gold.key_names, served)
        return Load(query, change.version, {target: change.rows}, started_at, replaces=change.complete)

    def _newest(self, name: str) -> DeltaTable | None:
        """The table's newest snapshot; None before the aggregate hop has made the table."""
        if name in self._tables:
            self._tables[name].update_incremental()
            return self._tables[name]
        try:
            return self._tables.setdefault(name, open_table(self._settings, name))
        except TableNotFoundError:
            return None


def _record(loads: Sequence[Load]) -> None:
    for load in loads:
        for target in load.tables:
            batch_record.read(statements.GOLD[target].name, load.batch_id)
            batch_record.wrote(f"dw.{target}")

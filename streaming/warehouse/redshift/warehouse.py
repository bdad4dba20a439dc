"""Redshift as the warehouse, provisioned or Serverless: rows staged in S3, COPY and merge in one transaction.

Guarantee: exactly once, see `base.py`. The service may commit a transaction whose answer is lost, so the ledger
is asked again after every failure, and each statement leaves out what is there already: a load may be repeated whenever
its fate is unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from streaming.errors import SettingsError, SinkUnavailable
from streaming.settings import Settings
from streaming.warehouse import statements
from streaming.warehouse.base import Load
from streaming.warehouse.redshift.data_api import MAX_STATEMENTS, DataApi, StatementFailed
from streaming.warehouse.redshift.staging import Staging, fitted

log = logging.getLogger(__name__)

DIALECT = "redshift"
LEDGER = "load_ledger"
BATCH = ("query", "batch_id")


class RedshiftWarehouse:
    """One database; `role` is the IAM role by which Redshift reads the staged files."""

    def __init__(self, api: DataApi, staging: Staging, role: str) -> None:
        self._api = api
        self._staging = staging
        self._role = role
        self._last: dict[str, int | None] = {}

    @classmethod
    def from_settings(cls, settings: Settings) -> RedshiftWarehouse:
        """Wire up boto3. `redshift://WORKGROUP/DB` is Serverless, `redshift://USER@CLUSTER/DB` is provisioned."""
        import boto3
        from botocore.config import Config

        retries = Config(retries={"mode": "adaptive", "max_attempts": 8})
        make: Any = boto3.client
        at = {"region_name": settings.region, "endpoint_url": settings.aws_endpoint, "config": retries}
        staged = urlsplit(settings.staging or "")
        if staged.scheme not in ("s3", "s3a") or not staged.netloc or "'" in staged.path:
            raise SettingsError(f"--staging: received '{settings.staging}', expected s3://BUCKET/PREFIX")
        role = settings.warehouse_role or ""
        if not role.startswith("arn:") or "'" in role:
            raise SettingsError(f"--warehouse-role: received '{role}', expected the ARN of an IAM role")
        api = DataApi(make("redshift-data", **at), database(settings.warehouse or ""))
        return cls(api, Staging(make("s3", **at), staged.netloc, staged.path.strip("/")), role)

    def migrate(self) -> list[str]:
        """Apply what is missing; returns the names.

        The service takes 40 statements in a transaction, fewer than a file has. Every statement can therefore be
        repeated, and the version is recorded with the last of them.
        """
        self._api.run(statements.statements(DIALECT, "schema_version.sql"))
        [applied] = statements.statements(DIALECT, "applied.sql")
        missing = statements.pending(statements.migrations(DIALECT), dict(self._api.rows(applied)))
        for migration in missing:
            parts = statements.split(migration.sql)
            for start in range(0, len(parts), MAX_STATEMENTS):
                self._api.run(parts[start : start + MAX_STATEMENTS])
            version: dict[str, str | int] = {"version": migration.version, "name": migration.name}
            self._api.run(statements.statements(DIALECT, "apply.sql"), version | {"checksum": migration.checksum})
        return [migration.name for migration in missing]

    def columns(self, target: str) -> tuple[str, ...]:
        """The columns that loads of `target` must have."""
        staged = statements.staged_columns(DIALECT, target)
        return staged[: -len(BATCH)] if staged[-len(BATCH) :] == BATCH else staged

    def commit(self, loads: Sequence[Load]) -> int:
        """Take all of the loads or none, leaving out those that the ledger has; returns how many were new."""
        new = [load for load in loads if not self._has(load)]
        if new:
            keys: list[str] = []
            try:
                self._api.run(self._transaction(new, keys))
            except StatementFailed as error:
                raise SinkUnavailable(f"{error}{self._complaints(error)}") from error
            finally:
                # Only now, and again for each attempt: after a failure nobody knows what was committed.
                for load in new:
                    self._last.pop(load.query, None)
            self._last |= {load.query: load.batch_id for load in new}
            self._staging.remove(keys)
        return len(new)

    def last_batch(self, query: str) -> int | None:
        """The highest batch id of `query` in the ledger."""
        [statement] = statements.statements(DIALECT, "load/last_batch.sql")
        [(batch,)] = self._api.rows(statement, {"query": query})
        return None if batch is None else int(batch)

    def close(self) -> None:
        """Nothing to let go of: every statement is a request of its own."""

    def _has(self, load: Load) -> bool:
        """Whether the ledger has the load. It is asked once for each query: after that, only we add to it."""
        if load.query not in self._last:
            self._last[load.query] = self.last_batch(load.query)
        last = self._last[load.query]
        return last is not None and load.batch_id <= last

    def _transaction(self, loads: Sequence[Load], keys: list[str]) -> list[str]:
        """Stage the rows and give the statements that load them; adds the staged keys to `keys`."""
        script = list(statements.statements(DIALECT, "load/lock.sql"))
        for load in loads:
            folder = f"{load.query}/{load.batch_id}"
            for target, rows in load.tables.items():
                if load.replaces:
                    script.append(f"delete from dw.{target}")  # noqa: S608 - a target's name is the name of a file
                if rows.num_rows:
                    script += self._script(target, folder, _of_batch(rows, load), keys)
        script += self._script(LEDGER, f"{loads[0].query}/{loads[0].batch_id}", _ledger(loads), keys)
        return script

    def _script(self, target: str, folder: str, rows: pa.Table, keys: list[str]) -> list[str]:
        types = statements.staged_types(DIALECT, target)
        keys += self._staging.put(f"{folder}/{target}", fitted(rows, types))
        values = {"manifest": self._staging.url(keys[-1]), "role": self._role}
        script = statements.load_statements(DIALECT, target)
        return [Template(statement).substitute(values) for statement in script]

    def _complaints(self, error: StatementFailed) -> str:
        """Which rows a COPY refused, and why; empty where Redshift does not say."""
        if error.query_id is None:
            return ""
        [statement] = statements.statements(DIALECT, "load/errors.sql")
        try:
            rows = self._api.rows(statement, {"query_id": error.query_id})
        except SinkUnavailable:
            return ""
        found = [f"{file} line {line}, {column} {kind}: {why}" for file, line, column, kind, why in rows]
        return "".join(f"; {complaint}" for complaint in found)


def database(url: str) -> Mapping[str, str]:
    """How the Data API's requests name the database of a URL."""
    parts = urlsplit(url)
    name = parts.path.strip("/")
    if not parts.hostname or not name:
        raise SettingsError(
            f"--warehouse: received '{url}', expected redshift://WORKGROUP/DB or redshift://USER@CLUSTER/DB"
        )
    if parts.username:
        return {"ClusterIdentifier": parts.hostname, "DbUser": parts.username, "Database": name}
    return {"WorkgroupName": parts.hostname, "Database": name}


def _of_batch(rows: pa.Table, load: Load) -> pa.Table:
    """The rows with the load that brings them, where they do not say so."""
    for name, value in zip(BATCH, (load.query, load.batch_id), strict=True):
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.array([value] * rows.num_rows))
    return rows


def _ledger(loads: Sequence[Load]) -> pa.Table:
    arrivals = [load.arrivals for load in loads]
    time = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "query": pa.array([load.query for load in loads]),
            "batch_id": pa.array([load.batch_id for load in loads], pa.int64()),
            "rows": pa.array([load.rows for load in loads], pa.int64()),
            "first_arrival": pa.array([first for first, _ in arrivals], time),
            "last_arrival": pa.array([last for _, last in arrivals], time),
            "started_at": pa.array([load.started_at for load in loads], time),
        }
    )

"""Redshift as the warehouse, provisioned or Serverless: COPY of files in S3, and merge, in one transaction.

The files of facts are those of the lake: none of their rows passes through this process, unless Redshift refuses a file
(a text over a column's width); its rows are then rewritten in batches.

Guarantee: exactly once, see `base.py`. The service may commit a transaction whose answer is lost, so the ledger
is asked again after every failure, and each statement leaves out what is there already: a load may be repeated whenever
its fate is unknown.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pyarrow as pa

from streaming.delta.lake_files import LakeFiles, Rows, in_batches, is_empty
from streaming.errors import PermanentFailure, RowsRefused, SettingsError, SinkUnavailable
from streaming.settings import Settings
from streaming.warehouse import statements
from streaming.warehouse.base import HopToken, Load
from streaming.warehouse.redshift.data_api import MAX_STATEMENTS, DataApi, StatementFailed
from streaming.warehouse.redshift.script import DIALECT, copied_in_place, fitting, ledger_statement, script, values_of
from streaming.warehouse.redshift.staging import Staging, fitted

log = logging.getLogger(__name__)

TOLD_OF_A_STATEMENT = 40  # characters that tell one statement from another in an error
# How Redshift's errors about the value of a column begin, SQLSTATE 22 and 23; the Data API gives no codes.
ABOUT_ROWS = re.compile(
    r"cannot insert a null value|null value in column|value too long|numeric data overflow|out of range|invalid input"
    r"|violates .*constraint",
    re.IGNORECASE,
)


class RedshiftWarehouse:
    """One database; `role` is the IAM role by which Redshift reads the staged files."""

    def __init__(self, api: DataApi, staging: Staging, role: str, shown: HopToken | None = None) -> None:
        self._api = api
        self._shown = shown
        self._has_row = False
        self._staging = staging
        self._role = role
        self._last: dict[str, int | None] = {}

    @classmethod
    def from_settings(cls, settings: Settings, shown: HopToken | None = None) -> RedshiftWarehouse:
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
        return cls(api, Staging(make("s3", **at), staged.netloc, staged.path.strip("/")), role, shown)

    def migrate(self) -> list[str]:
        """Apply what is missing; returns the names.

        The service takes 40 statements in a transaction, fewer than a file has. Every statement can therefore be
        repeated, and the version is recorded with the last of them.
        """
        [exists] = statements.statements(DIALECT, "schema_exists.sql")
        if not self._api.rows(exists):
            self._create_schema()
        self._api.run(statements.statements(DIALECT, "schema_version.sql"))
        [applied] = statements.statements(DIALECT, "applied.sql")
        missing = statements.pending(statements.migrations(DIALECT), dict(self._api.rows(applied)))
        for migration in missing:
            parts = statements.split(migration.sql)
            added = [part for part in parts if part.startswith("alter table ")]
            self._add_columns(added)
            others = [part for part in parts if part not in added]
            for start in range(0, len(others), MAX_STATEMENTS):
                self._api.run(others[start : start + MAX_STATEMENTS])
            version: dict[str, str | int] = {"version": migration.version, "name": migration.name}
            self._api.run(statements.statements(DIALECT, "apply.sql"), version | {"checksum": migration.checksum})
        return [migration.name for migration in missing]

    def _add_columns(self, alterations: Sequence[str]) -> None:
        """Add columns, each in a request of its own: one that is there already is left as it is."""
        for statement in alterations:
            try:
                self._api.run([statement])
            except StatementFailed as error:
                if "already exists" not in str(error):
                    raise

    def columns(self, target: str) -> tuple[str, ...]:
        """The columns that loads of `target` must have."""
        return statements.staged_columns(DIALECT, target)

    def commit(self, loads: Sequence[Load]) -> int:
        """Take each load whole or not at all, leaving out those that the ledger has; returns how many were new.

        Loads share a transaction as far as the service's limit of statements allows.
        """
        new = [load for load in loads if not self._has(load)]
        if new:
            self._make_row()
        for together in fitting(new):
            self._commit(together)
        return len(new)

    def _commit(self, loads: Sequence[Load], *, rewritten: bool = False) -> None:
        keys: list[str] = []
        try:
            self._api.run(self._transaction(loads, keys, rewritten=rewritten))
        except StatementFailed as error:
            self._check_token()
            failure = self._failure(error)
            if rewritten or not error.statement.startswith("copy ") or not any(map(copied_in_place, loads)):
                raise failure from error
            log.warning("Redshift refused files of the lake, so their rows are rewritten for it: %s", failure)
            self._commit(loads, rewritten=True)
        finally:
            # Only now, and again for each attempt: after a failure nobody knows what was committed.
            for load in loads:
                self._last.pop(load.query, None)
        self._last |= {load.query: load.batch_id for load in loads}
        self._staging.remove(keys)

    def try_out(self, load: Load) -> None:
        """Do what `commit` does with the load, and take it back: the last statement of its transaction fails."""
        keys: list[str] = []
        [take_back] = statements.statements(DIALECT, "load/take_back.sql")
        try:
            self._api.run([*self._transaction([load], keys, rewritten=True), take_back])
        except StatementFailed as error:
            if error.statement.startswith(take_back[:TOLD_OF_A_STATEMENT]):
                return
            raise self._failure(error) from error
        finally:
            self._staging.remove(keys)

    def last_batch(self, query: str) -> int | None:
        """The highest batch id of `query` in the ledger."""
        [statement] = statements.statements(DIALECT, "load/last_batch.sql")
        [(batch,)] = self._api.rows(statement, {"query": query})
        return None if batch is None else int(batch)

    def change_facts(self, change: str, entity: str, rows: pa.Table, values: Mapping[str, int] | None = None) -> None:
        """Run the script of a change of facts, which copies `rows` first, in one transaction; `values` fill it."""
        script = statements.fact_script(DIALECT, change, entity)
        staged = [fitted(rows, statements.staged_by(script))]
        keys = self._staging.put(f"{change}_fact_{entity}/{uuid4().hex}", staged)
        filled = {"manifest": self._staging.url(keys[-1]), "role": self._role, **(values or {})}
        try:
            self._api.run([Template(part).substitute(filled) for part in script])
        finally:
            self._staging.remove(keys)

    def close(self) -> None:
        """Nothing to let go of: every statement is a request of its own."""

    def _make_row(self) -> None:
        """See to it that the warehouse knows the lease: a load can check only a row that is there."""
        if self._shown is not None and not self._has_row:
            self._api.run(statements.statements(DIALECT, "load/lease_row.sql"), self._shown.parameters)
            self._has_row = True

    def _check_token(self) -> None:
        """Raise LeaseLost if a load was refused because another job has loaded with a higher token."""
        if self._shown is not None:
            [statement] = statements.statements(DIALECT, "load/lease_token.sql")
            lease_and_hop = {name: self._shown.parameters[name] for name in ("lease", "hop")}
            [(token,)] = self._api.rows(statement, lease_and_hop)
            self._shown.check(None if token is None else int(token))

    def _token_statements(self) -> list[str]:
        if self._shown is None:
            return []
        script = statements.statements(DIALECT, "load/lease.sql")
        return [Template(statement).substitute(self._shown.parameters) for statement in script]

    def _has(self, load: Load) -> bool:
        """Whether the ledger has the load. It is asked once for each query: after that, only we add to it."""
        if load.query not in self._last:
            self._last[load.query] = self.last_batch(load.query)
        last = self._last[load.query]
        return last is not None and load.batch_id <= last

    def _transaction(self, loads: Sequence[Load], keys: list[str], *, rewritten: bool) -> list[str]:
        """The statements that load the rows; adds the keys of what they need in the staging bucket to `keys`."""
        parts = [*statements.statements(DIALECT, "load/lock.sql"), *self._token_statements()]
        for load in loads:
            for target, rows in load.tables.items():
                values: dict[str, Any] = {}
                if not is_empty(rows):
                    folder = f"{load.query}/{load.batch_id}/{target}"
                    types = self._stage(folder, target, rows, keys, rewritten=rewritten)
                    # Quoted: silver has a column `raw`, a reserved word of Redshift.
                    columns = ",\n    ".join(f'"{name}" {kind}' for name, kind in types.items())
                    values = {
                        "manifest": self._staging.url(keys[-1]),
                        "role": self._role,
                        "types": columns,
                        **values_of(load),
                    }
                parts += [Template(statement).substitute(values) for statement in script(load, target)]
        return [*parts, ledger_statement(loads)]

    def _stage(self, folder: str, target: str, rows: Rows, keys: list[str], *, rewritten: bool) -> Mapping[str, str]:
        """Write what COPY needs, its manifest last; returns the columns of the files with Redshift's types.

        Files of the lake are named in place, unless they differ in their columns or Redshift has refused them.
        """
        needed = {*statements.staged_types(DIALECT, target)}
        in_place = isinstance(rows, LakeFiles) and rows.on_s3 and not rewritten
        # Files of an earlier release lack columns.
        if in_place and (schema := rows.schema()) and needed <= {*schema.names}:
            keys.append(self._staging.put_manifest(folder, rows.urls()))
            return statements.copied_types(DIALECT, target, schema)
        types = statements.staged_types(DIALECT, target)
        keys += self._staging.put(folder, (fitted(part, types) for part in in_batches(rows, tuple(types))))
        return types

    def _create_schema(self) -> None:
        try:
            self._api.run(statements.statements(DIALECT, "schema.sql"))
        except StatementFailed as error:
            raise PermanentFailure(
                f"warehouse: there is no schema dw, and the job's user may not create it ({error}); let an "
                "administrator run python -m deploy.infra.deploy --grant"
            ) from error

    def _failure(self, error: StatementFailed) -> RowsRefused | SinkUnavailable:
        """The error with what Redshift says of it: about the rows of a load, or about anything else."""
        complaints = self._complaints(error)
        kind = RowsRefused if complaints or ABOUT_ROWS.search(str(error)) else SinkUnavailable
        return kind(f"{error}{complaints}")

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

"""PostgreSQL as the warehouse: for a laptop, and for users without Redshift.

Guarantee: exactly once, see `base.py`. A load claims its ledger row first; a concurrent load of the same batch
waits on that row and then finds nothing left to do. Rows travel as CSV, made by Arrow, through COPY into temporary
tables; those of files are read batch by batch, so that memory does not grow with the load.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from typing import Any, cast

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.sql import SQL, Identifier
from pyarrow import csv

from streaming import commit_points
from streaming.delta.lake_files import in_batches, is_empty
from streaming.errors import RowsRefused, SinkUnavailable
from streaming.warehouse import statements
from streaming.warehouse.base import HopToken, Load

DIALECT = "postgres"
MIGRATION_LOCK = 0x6D6F6F64  # any number will do, as long as every job takes the same
CONNECT_SECONDS = 10
STATEMENT_MS = 300_000


class PostgresWarehouse:
    """One connection, made when it is first needed and dropped when it fails."""

    def __init__(self, url: str, password: str | None = None, shown: HopToken | None = None) -> None:
        self._url = url
        self._password = password
        self._shown = shown
        self._connection: psycopg.Connection | None = None

    def migrate(self) -> list[str]:
        """Apply what is missing in one transaction, under a lock that all jobs share; returns the names."""
        with self._transaction() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
            cursor.execute(statements.read(DIALECT, "schema_version.sql"))
            cursor.execute("select version, checksum from dw.schema_version")
            missing = statements.pending(statements.migrations(DIALECT), dict(cursor.fetchall()))
            for migration in missing:
                cursor.execute(migration.sql)
                cursor.execute(
                    "insert into dw.schema_version (version, name, checksum) values (%s, %s, %s)",
                    [migration.version, migration.name, migration.checksum],
                )
        return [migration.name for migration in missing]

    def columns(self, target: str) -> tuple[str, ...]:
        """The columns that loads of `target` must have."""
        return statements.staged_columns(DIALECT, target)

    def commit(self, loads: Sequence[Load]) -> int:
        """Take all of the loads or none, leaving out those that the ledger has; returns how many were new."""
        with self._transaction() as cursor:
            self._show_token(cursor)
            return sum(self._take(cursor, load) for load in loads)

    def try_out(self, load: Load) -> None:
        """Do what `commit` does with the load, and take it back."""
        with self._transaction() as cursor:
            self._take(cursor, load)
            raise psycopg.Rollback

    def _show_token(self, cursor: psycopg.Cursor) -> None:
        if self._shown is None:
            return
        _run(cursor, statements.statements(DIALECT, "load/lease.sql"), self._shown.parameters)
        if cursor.fetchone() is None:
            _run(cursor, statements.statements(DIALECT, "load/lease_token.sql"), self._shown.parameters)
            row = cursor.fetchone()
            self._shown.check(row[0] if row else None)

    def _take(self, cursor: psycopg.Cursor, load: Load) -> bool:
        parameters = {"query": load.query, "batch_id": load.batch_id, "started_at": load.started_at}
        _run(cursor, statements.statements(DIALECT, "load/claim.sql"), parameters)
        if cursor.fetchone() is None:
            return False
        seen = _Seen()
        for target, rows in load.tables.items():
            if load.replaces:
                cursor.execute(SQL("delete from dw.{}").format(Identifier(target)))
            if not is_empty(rows):
                parts = seen.through(in_batches(rows, self.columns(target)))
                _run(cursor, statements.load_statements(DIALECT, target), parameters, parts)
        closing = {"rows": seen.rows, "first_arrival": seen.first, "last_arrival": seen.last}
        _run(cursor, statements.statements(DIALECT, "load/close.sql"), parameters | closing)
        commit_points.reached("load.before_commit")
        return True

    def last_batch(self, query: str) -> int | None:
        """The highest batch id of `query` in the ledger."""
        with self._transaction() as cursor:
            _run(cursor, statements.statements(DIALECT, "load/last_batch.sql"), {"query": query})
            row = cursor.fetchone()
        return cast("int | None", row[0]) if row else None

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Cursor]:
        try:
            connection = self._connected()
            with connection.transaction(), connection.cursor() as cursor:
                yield cursor
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.close()
            raise SinkUnavailable(f"warehouse at {self._url}: {str(error).strip()}") from error
        except (psycopg.DataError, psycopg.IntegrityError) as error:  # SQLSTATE 22 and 23
            # Only the first line of the message: its details hold the whole row, and errors are logged.
            raise RowsRefused(f"PostgreSQL refused a row: {error.diag.message_primary} ({error.sqlstate})") from error
        except BaseException:
            self.close()
            raise

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._url,
                password=self._password,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                application_name="moodstream",
                options=f"-c timezone=UTC -c statement_timeout={STATEMENT_MS} -c client_min_messages=warning",
                keepalives_idle=10,
            )
        return self._connection


class _Seen:
    """Counts the rows of a load while they pass, and notes their first and last arrival."""

    def __init__(self) -> None:
        self.rows = 0
        self.first: datetime | None = None
        self.last: datetime | None = None

    def through(self, parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The same parts."""
        for part in parts:
            self.rows += part.num_rows
            if "arrival_time" in part.column_names:
                span = pc.min_max(part["arrival_time"]).as_py()
                self.first = min(filter(None, (self.first, span["min"])), default=None)
                self.last = max(filter(None, (self.last, span["max"])), default=None)
            yield part


def _run(
    cursor: psycopg.Cursor, script: Sequence[str], parameters: Mapping[str, Any], parts: Iterable[pa.Table] = ()
) -> None:
    for statement in script:
        if statement.startswith("copy "):
            with cursor.copy(statement) as copy:
                for part in parts:
                    copy.write(as_csv(part))
        else:
            cursor.execute(statement, parameters)


def as_csv(rows: pa.Table) -> memoryview:
    """CSV as COPY reads it: null is an empty field, an empty string is a quoted one, NUL characters are left out.

    NUL is legal in JSON and in Delta, and the one character that PostgreSQL's text cannot hold.
    """
    for place, field in enumerate(rows.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            rows = rows.set_column(place, field, pc.replace_substring(rows.column(place), "\0", ""))
    out = BytesIO()
    # One chunk: where one is empty, Arrow 25 writes its uninitialised buffer.
    csv.write_csv(rows.combine_chunks(), out, csv.WriteOptions(include_header=False, quoting_style="all_valid"))
    return out.getbuffer()

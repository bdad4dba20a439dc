"""A PostgreSQL warehouse and a double of Redshift for each stream, in databases of one server, and a double of S3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pyarrow as pa
from botocore.exceptions import ClientError
from psycopg.sql import SQL, Identifier

from deploy.infra import grant
from harness.redshift_double.data_api import JOB_USER, FakeDataApi, prepared
from streaming.delta.lake_files import LakeFiles
from streaming.files import Files
from streaming.warehouse.base import Load, Warehouse
from streaming.warehouse.postgres import PostgresWarehouse
from streaming.warehouse.redshift.data_api import DataApi
from streaming.warehouse.redshift.staging import Staging
from streaming.warehouse.redshift.warehouse import RedshiftWarehouse

LAKE, STAGING = "lake", "staging"
ROLE = "arn:aws:iam::123456789012:role/copy"
WHERE = {"WorkgroupName": "moodstream", "Database": "dev"}
ADMIN = {**WHERE, "SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:admin"}
MIGRATED = {"postgres": "hostile_postgres", "redshift": "hostile_redshift"}


class Pair(NamedTuple):
    """Both warehouses of a stream, as jobs see them, and a connection to each one's database for the comparison."""

    postgres: Warehouse
    redshift: Warehouse
    postgres_rows: psycopg.Connection
    redshift_rows: psycopg.Connection


class Server:
    """A PostgreSQL server on which each stream gets two new databases."""

    def __init__(self, url: str, password: str) -> None:
        """`url` names the administrator and a database of the server."""
        self._base, self._password = url.rsplit("/", 1)[0], password
        self._admin = self.connected(url.rsplit("/", 1)[1])
        self._numbers = count(1)
        for name in MIGRATED.values():
            self._run("create database {}", name)
        postgres = PostgresWarehouse(f"{self._base}/{MIGRATED['postgres']}", password)
        postgres.migrate()
        postgres.close()
        double = _Double(self, MIGRATED["redshift"], Path())
        prepared(double.connect, password)
        grant.apply(DataApi(double.api, ADMIN), JOB_USER)
        double.warehouse().migrate()

    @contextmanager
    def pair(self, lake: Path) -> Iterator[Pair]:
        """Two warehouses without a row; the double of Redshift copies from the files below `lake`."""
        number = next(self._numbers)
        names = {dialect: f"{template}_{number}" for dialect, template in MIGRATED.items()}
        for dialect, name in names.items():
            self._run("create database {} template {}", name, MIGRATED[dialect])
        postgres = PostgresWarehouse(f"{self._base}/{names['postgres']}", self._password)
        double = _Double(self, names["redshift"], lake)
        rows = [self.connected(names[dialect]) for dialect in MIGRATED]
        try:
            yield Pair(postgres, InPlace(double.warehouse(), lake), *rows)
        finally:
            postgres.close()
            for connection in rows:
                connection.close()
            for name in names.values():
                self._run("drop database {} with (force)", name)

    def close(self) -> None:
        """Remove the databases that the others are made from."""
        for name in MIGRATED.values():
            self._run("drop database if exists {} with (force)", name)
        self._admin.close()

    def _run(self, statement: str, *names: str) -> None:
        self._admin.execute(SQL(statement).format(*map(Identifier, names)))

    def connected(self, database: str, user: str | None = None) -> psycopg.Connection:
        """A connection whose statements commit at once, as the administrator or as `user`."""
        given: dict[str, Any] = {"user": user} if user else {}
        url, options = f"{self._base}/{database}", "-c timezone=UTC"
        return psycopg.connect(url, password=self._password, autocommit=True, options=options, **given)


class _Double:
    """Redshift's double over one database."""

    def __init__(self, server: Server, database: str, lake: Path) -> None:
        self._server = server
        self._database = database
        self._objects = Objects(lake)
        self.api = FakeDataApi(self.connect, self._objects)

    def connect(self, user: str | None = None) -> psycopg.Connection:
        """A connection as the administrator, or as `user`."""
        return self._server.connected(self._database, user)

    def warehouse(self) -> RedshiftWarehouse:
        """What the job opens."""
        return RedshiftWarehouse(DataApi(self.api, WHERE), Staging(self._objects, STAGING, "loads"), ROLE)


class Objects:
    """What COPY and the job use of S3: the bucket `lake` is a folder, every other one is in memory."""

    def __init__(self, lake: Path) -> None:
        self._lake = lake
        self._kept: dict[tuple[str, str], bytes] = {}

    def put_object(self, **request: Any) -> Any:
        """Keep an object."""
        self._kept[request["Bucket"], request["Key"]] = request["Body"]

    def get_object(self, **request: Any) -> Any:
        """Read an object; raises ClientError if there is none."""
        bucket, key = request["Bucket"], request["Key"]
        try:
            content = (self._lake / key).read_bytes() if bucket == LAKE else self._kept[bucket, key]
        except (KeyError, FileNotFoundError) as error:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": key}}, "GetObject") from error
        return {"Body": BytesIO(content)}

    def delete_objects(self, **request: Any) -> Any:
        """Forget objects."""
        for each in request["Delete"]["Objects"]:
            self._kept.pop((request["Bucket"], each["Key"]), None)


class InPlace:
    """A warehouse that copies the files of a local lake from where they are, as if the lake were on S3."""

    def __init__(self, warehouse: RedshiftWarehouse, lake: Path) -> None:
        self._warehouse = warehouse
        self._lake = lake
        self.migrate, self.columns = warehouse.migrate, warehouse.columns
        self.last_batch, self.close = warehouse.last_batch, warehouse.close

    def commit(self, loads: Sequence[Load]) -> int:
        """Take the loads; see Warehouse."""
        return self._warehouse.commit([replace(load, tables=self._on_s3(load)) for load in loads])

    def try_out(self, load: Load) -> None:
        """Take the load and take it back; see Warehouse."""
        self._warehouse.try_out(replace(load, tables=self._on_s3(load)))

    def _on_s3(self, load: Load) -> dict[str, Any]:
        return {
            target: replace(rows, folder=f"s3a://{LAKE}/{rows.name}", storage=_Mounted(self._lake))
            if isinstance(rows, LakeFiles)
            else rows
            for target, rows in load.tables.items()
        }


class _Mounted(Files):
    """The bucket of the lake as a folder."""

    def __init__(self, lake: Path) -> None:
        super().__init__()
        self._lake = lake

    def open(self, path: str) -> pa.NativeFile:
        return super().open(str(self._lake / path.removeprefix(f"s3a://{LAKE}/")))

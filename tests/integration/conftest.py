"""Fixtures of this tier: a real PostgreSQL with a database of its own for each test, and an emulated S3."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.local import aws, postgres, services
from deploy.local.workdir import Workdir
from streaming.warehouse.postgres import PostgresWarehouse

TEMPLATE = "migrated"
NUMBERS = count(1)


@dataclass(frozen=True)
class Database:
    """One database of the test server."""

    url: str
    password: str = field(repr=False)

    def named(self, name: str) -> Database:
        """Another database of the same server."""
        return Database(f"{self.url.rsplit('/', 1)[0]}/{name}", self.password)

    def warehouse(self) -> PostgresWarehouse:
        """A warehouse here, with a connection of its own."""
        return PostgresWarehouse(self.url, self.password)

    def connect(self, user: str | None = None) -> psycopg.Connection:
        """A connection whose statements commit at once, as the administrator unless `user` says otherwise."""
        given = {"user": user} if user else {}
        options = "-c timezone=UTC"
        return psycopg.connect(self.url, password=self.password, autocommit=True, options=options, **given)

    def rows(self, query: str) -> list[Any]:
        """What a query answers; single columns as plain values."""
        with self.connect() as connection:
            found = connection.execute(query).fetchall()  # type: ignore[call-overload]
        return [row[0] if len(row) == 1 else row for row in found]

    def run(self, statement: str) -> None:
        """Execute something that answers nothing."""
        with self.connect() as connection:
            connection.execute(statement)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def server() -> Iterator[Database]:
    """The server, and in it a template database with the newest schema."""
    workdir = _workdir("postgres")
    started = postgres.start(workdir, os.environ)
    server = Database(started.url, started.password)
    server.run(f"create database {TEMPLATE}")
    template = server.named(TEMPLATE).warehouse()
    template.migrate()
    template.close()
    yield server
    postgres.stop(workdir)
    shutil.rmtree(workdir.root, ignore_errors=True)


@pytest.fixture(scope="session")
def emulated_aws() -> Iterator[aws.Aws]:
    """An emulated AWS with the stack's stream, topic, queue and buckets."""
    workdir = _workdir("aws")
    yield aws.start(workdir, os.environ, shards=1)
    services.stop(aws.NAME, workdir)
    shutil.rmtree(workdir.root, ignore_errors=True)


@pytest.fixture(scope="session")
def s3(emulated_aws: aws.Aws) -> Any:
    """A client of the emulated S3."""
    return aws.client("s3", emulated_aws.endpoint)


def _workdir(name: str) -> Workdir:
    workdir = Workdir(Path(tempfile.mkdtemp(prefix=f"moodstream-{name}-")))
    workdir.root.chmod(0o755)  # PostgreSQL runs as `nobody` where the tests run as root
    for folder in (workdir.run, workdir.logs):
        folder.mkdir()
    return workdir


@pytest.fixture
def empty_database(server: Database) -> Iterator[Database]:
    """A database without any schema of ours."""
    yield from fresh(server, "template1")


@pytest.fixture
def database(server: Database) -> Iterator[Database]:
    """A warehouse with the newest schema and no rows."""
    yield from fresh(server, TEMPLATE)


def fresh(server: Database, template: str) -> Iterator[Database]:
    """A new database made from a template, dropped afterwards."""
    name = f"test_{next(NUMBERS)}"
    server.run(f"create database {name} template {template}")
    yield server.named(name)
    server.run(f"drop database {name} with (force)")

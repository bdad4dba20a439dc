"""How scripts fall into statements, and which migrations are applied."""

from __future__ import annotations

import pytest

from streaming.errors import PermanentFailure
from streaming.warehouse import statements
from streaming.warehouse.statements import Migration, pending

FIRST = Migration(1, "first", "create table a (b int);")
SECOND = Migration(2, "second", "create table c (d int);")


def test_an_empty_warehouse_needs_every_migration() -> None:
    assert pending((FIRST, SECOND), {}) == [FIRST, SECOND]


def test_applied_migrations_are_left_out() -> None:
    assert pending((FIRST, SECOND), {1: FIRST.checksum}) == [SECOND]


def test_a_migration_that_changed_after_it_was_applied_is_an_error_that_names_the_file() -> None:
    with pytest.raises(PermanentFailure, match=r"002_second\.sql has changed"):
        pending((FIRST, SECOND), {1: FIRST.checksum, 2: "another text"})


def test_a_warehouse_that_a_newer_release_has_migrated_is_left_alone() -> None:
    with pytest.raises(PermanentFailure, match="003 was applied by a newer release"):
        pending((FIRST, SECOND), {1: FIRST.checksum, 2: SECOND.checksum, 3: "unknown"})


@pytest.mark.parametrize("dialect", ["postgres"])
def test_migrations_are_numbered_from_one_without_gaps(dialect: str) -> None:
    numbers = [migration.version for migration in statements.migrations(dialect)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_comments_belong_to_no_statement() -> None:
    lock, claim = statements.statements("postgres", "load/claim.sql")
    assert lock.startswith("select pg_advisory_xact_lock")
    assert claim.startswith("insert into dw.load_ledger")

"""Redshift's SQL in PostgreSQL's spelling, and types that measure and compare text as Redshift does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import psycopg
import sqlglot
from sqlglot import exp

WIDTH = "varchar_{}_bytes"
PLACEMENT = (exp.DistKeyProperty, exp.DistStyleProperty, exp.SortKeyProperty)
KEYS = (exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint)


def make_widths(connect: Callable[..., psycopg.Connection], sql: str) -> None:
    """Make the types that a `create table` needs: PostgreSQL measures varchar in characters, and compares all of it.

    Its bpchar keeps trailing blanks and ignores them when it compares, as Redshift's varchar.
    """
    if not sql.startswith("create t"):
        return
    widths = {_width(column) for column in sqlglot.parse_one(sql, read="redshift").find_all(exp.ColumnDef)}
    with connect() as connection:
        for width in widths - {None}:
            name = WIDTH.format(width)
            if connection.execute("select 1 from pg_type where typname = %s", [name]).fetchone() is None:
                limit = f"check (octet_length(value) <= {width})"
                # Another request may have made it meanwhile: two hops migrate at once.
                with suppress(psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject):
                    connection.execute(f"create domain {name} as bpchar {limit}".encode())


def translated(sql: str, parameters: Mapping[str, str]) -> tuple[str, Mapping[str, str] | None]:
    """PostgreSQL's spelling, with psycopg's placeholders for `:name`. Keys go: Redshift enforces none."""
    if sql.startswith(("lock ", "alter ", "create schema")):
        return sql, None
    if sql.startswith("create user "):
        return sql.removesuffix(" password disable"), None
    tree = sqlglot.parse_one(sql, read="redshift")
    for attribute in tree.find_all(*PLACEMENT):
        attribute.pop()
    for definition in list(tree.find_all(exp.Schema)):
        definition.set("expressions", [part for part in definition.expressions if not isinstance(part, exp.PrimaryKey)])
    for column in tree.find_all(exp.ColumnDef):
        kept = [constraint for constraint in column.constraints if not isinstance(constraint.kind, KEYS)]
        column.set("constraints", kept)
        if width := _width(column):
            column.set("kind", exp.DataType.build(WIDTH.format(width), dialect="postgres", udt=True))
    spelt = tree.sql(dialect="postgres")
    if not parameters:
        return spelt, None
    return re.sub(r"%\((\w+)\)s", r"%(\1)s::bpchar", spelt), parameters


def _width(column: exp.ColumnDef) -> int | None:
    """How many bytes a text column takes; None if it is of another type."""
    kind: Any = column.args["kind"]
    return int(kind.expressions[0].name) if kind.this == exp.DataType.Type.VARCHAR else None

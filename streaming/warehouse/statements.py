"""Reads the warehouse's SQL files, splits them into statements, and fills the upsert that all gold tables share.

In a checkout the files lie in `sql/`; in the wheel, in `streaming/sql/`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

import pyarrow as pa

from streaming.errors import PermanentFailure
from streaming.tables import catalog
from streaming.tables.keyed_table import KeyedTable

_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_CREATED = re.compile(r"^create table(?: if not exists)? dw\.(\w+) \((.*?)\n\)", re.DOTALL | re.MULTILINE)
_ADDED = re.compile(r"^alter table dw\.(\w+) add column (\w+) (.+?);$", re.MULTILINE)
_COLUMN = re.compile(r"^ +(\w+) (double precision|varchar\(\d+\)|\w+)", re.MULTILINE)
_STAGED = re.compile(r"^create temporary table[^(]*\((.*)\n\)", re.DOTALL)


GOLD: Mapping[str, KeyedTable] = {table.name.removeprefix("gold/"): table for table in catalog.GOLD}


@dataclass(frozen=True)
class Migration:
    """One file of `sql/DIALECT/migrations`, applied once and never changed after that."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read(dialect: str, name: str) -> str:
    """The text of `sql/DIALECT/NAME`."""
    return _folder().joinpath(dialect, *name.split("/")).read_text(encoding="utf-8")


@cache
def statements(dialect: str, name: str) -> tuple[str, ...]:
    """The statements of `sql/DIALECT/NAME` in order."""
    return split(read(dialect, name))


def split(text: str) -> tuple[str, ...]:
    """The statements of a script without its comment lines; a semicolon at a line's end ends one."""
    return tuple(part.strip() for part in re.split(r";\s*(?:\n|$)", _COMMENT.sub("", text)) if part.strip())


@cache
def load_statements(dialect: str, target: str) -> tuple[str, ...]:
    """The statements that load `target`: its own script, or the filled upsert if it is a gold table."""
    if target in GOLD:
        return split(gold_upsert(dialect, target))
    return statements(dialect, f"load/{target}.sql")


def gold_upsert(dialect: str, target: str) -> str:
    """The dialect's upsert for a gold table.

    Names come from the table's definition, types from the migration that created it. `${manifest}` and `${role}`,
    which only a load knows, stay.
    """
    table = GOLD[target]
    columns = tuple(identifier(name) for name, _ in (*table.key, *table.values))
    types = _created_types(dialect, target)
    stage = f"stage_{identifier(target)}"
    matches = (f"dw.{target}.{name} = {stage}.{name}" for name in table.key_names)
    return Template(read(dialect, "load/gold_upsert.sql")).safe_substitute(
        target=target,
        stage=stage,
        columns=", ".join(columns),
        types=",\n    ".join(f"{name} {types[name]}" for name in columns),
        same_key="\n    and ".join(matches),
    )


def identifier(name: str) -> str:
    """The name itself, if SQL takes it without quotes; raises ValueError otherwise."""
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(f"SQL identifier: received '{name}', expected lower-case letters, digits and underscores")
    return name


@cache
def _created_types(dialect: str, target: str) -> Mapping[str, str]:
    """The columns of `dw.TARGET` with their types, as the migrations created it and added to it."""
    text = "".join(file.sql for file in migrations(dialect))
    bodies = (body for name, body in _CREATED.findall(text) if name == target)
    return {**dict(_COLUMN.findall(next(bodies))), **added_columns(text).get(target, {})}


def added_columns(text: str) -> Mapping[str, Mapping[str, str]]:
    """The columns that migrations add to tables: table -> column -> type."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in _ADDED.findall(text):
        found.setdefault(table, {})[column] = kind
    return found


@cache
def staged_types(dialect: str, target: str) -> Mapping[str, str]:
    """The columns that a load of the target must have, in the order of its staging table, with the dialect's types."""
    if dialect == "redshift" and target not in GOLD:
        # Its staging tables take the columns of the files; what the scripts need of them is the same in both dialects.
        # Only event_time has another name in a table (changed_at).
        columns = dict(_created_types(dialect, target))
        return {name: columns.get(name, "timestamp") for name in staged_columns("postgres", target)}
    return staged_by(load_statements(dialect, target))


@cache
def fact_script(dialect: str, change: str, entity: str) -> tuple[str, ...]:
    """The statements of `sql/DIALECT/operations/CHANGE_fact.sql` for an entity; other placeholders stay."""
    text = read(dialect, f"operations/{change}_fact.sql")
    return split(Template(text).safe_substitute(entity=identifier(entity)))


def staged_by(script: tuple[str, ...]) -> Mapping[str, str]:
    """The columns, with their types, of the temporary table that a script begins with."""
    staged = _STAGED.match(script[0])
    lines = staged[1].strip().splitlines() if staged else []
    pairs = (line.strip().rstrip(",").split(" ", 1) for line in lines)
    return dict(pairs)


def copied_types(dialect: str, target: str, schema: pa.Schema) -> Mapping[str, str]:
    """The columns of files of the lake in their order, with the dialect's types: the target's where it has them."""
    known = staged_types(dialect, target)
    return {identifier(field.name): known.get(field.name) or _type_of(field.type) for field in schema}


def _type_of(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "timestamp"
    return {pa.int32(): "integer", pa.int64(): "bigint", pa.float64(): "double precision"}.get(kind, "varchar(65535)")


def staged_columns(dialect: str, target: str) -> tuple[str, ...]:
    """The names of the same columns."""
    return tuple(staged_types(dialect, target))


@cache
def migrations(dialect: str) -> tuple[Migration, ...]:
    """All migrations in the order of their numbers."""
    found = []
    for file in _folder().joinpath(dialect, "migrations").iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, file.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.version))


def pending(all_of: tuple[Migration, ...], applied: Mapping[int, str]) -> list[Migration]:
    """The migrations still to apply, given version -> checksum of the applied ones.

    Raises PermanentFailure if a file has changed since it was applied, or if the warehouse is ahead of this release.
    """
    known = {migration.version: migration for migration in all_of}
    for version, checksum in sorted(applied.items()):
        if version not in known:
            raise PermanentFailure(
                f"warehouse: migration {version:03} was applied by a newer release; install that release"
            )
        if known[version].checksum != checksum:
            raise PermanentFailure(
                f"warehouse: migration {version:03}_{known[version].name}.sql has changed since it was applied; "
                "restore it and put the change into a new file"
            )
    return [migration for migration in all_of if migration.version not in applied]


def _folder() -> Traversable:
    packaged = files("streaming").joinpath("sql")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "sql"

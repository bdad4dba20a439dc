"""The warehouse's statements: where the files are, how a script falls into statements, what a migration is.

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

from streaming.errors import PermanentFailure

_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
_STAGED = re.compile(r"^create temporary table[^(]*\((.*)\n\)", re.DOTALL)


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
def staged_types(dialect: str, target: str) -> Mapping[str, str]:
    """The columns of the target's staging table in the order in which they are copied, with their types."""
    create, *_ = statements(dialect, f"load/{target}.sql")
    staged = _STAGED.match(create)
    lines = staged[1].strip().splitlines() if staged else []
    pairs = (line.strip().rstrip(",").split(" ", 1) for line in lines)
    return dict(pairs)


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

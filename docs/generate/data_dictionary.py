"""The warehouse's data dictionary, from the migrations themselves: their comments, and both dialects' types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from streaming.warehouse import statements

TABLE = re.compile(r"create table(?: if not exists)? dw\.(\w+) \(\n(.*?)\n\)(.*?)(?:;|$)", re.DOTALL)
COLUMN = re.compile(r"^    (\w+) (double precision|\w+(?:\([\d, ]+\))?)", re.MULTILINE)
TOLD = re.compile(r"comment on (table|view|column) dw\.([\w.]+) is '((?:[^']|'')*)'")
HEAD = """# Data dictionary

Schema `dw`, the same in PostgreSQL and Redshift. Written by `make reference`
from the migrations in `sql/`; what a column means is also its comment in the warehouse. All times are UTC.
"""


def page() -> str:
    """The page."""
    postgres, redshift = (_statements(dialect) for dialect in ("postgres", "redshift"))
    types = {dialect: _types(text) for dialect, text in (("postgres", postgres), ("redshift", redshift))}
    placed = {name: " ".join(rest.split()) for name, _, rest in TABLE.findall(redshift)}
    parts = [HEAD]
    columns: dict[str, list[str]] = {}
    for kind, name, told in TOLD.findall(postgres):
        meaning = told.replace("''", "'")
        if kind != "column":
            place = f"\n\nIn Redshift: `{placed[name]}`." if name in placed else ""
            columns[name] = [f"\n## dw.{name}\n\n{meaning}{place}\n"]
            continue
        table, column = name.split(".")
        known = [types[dialect].get((table, column)) for dialect in ("postgres", "redshift")]
        columns[table].append(_row(column, known, meaning))
    for title, *rows in columns.values():
        header = _row("column", ["PostgreSQL", "Redshift"] if rows[0].count("|") == 5 else [None], "meaning")
        parts += [title, header, "|" + "---|" * (header.count("|") - 1), *rows]
    return "\n".join(parts) + "\n"


def meanings() -> Mapping[tuple[str, str], str]:
    """(table, column) -> what the column means."""
    told = TOLD.findall(_statements("postgres"))
    named = ((name.split("."), meaning) for kind, name, meaning in told if kind == "column")
    return {(table, column): meaning.replace("''", "'") for (table, column), meaning in named}


def _statements(dialect: str) -> str:
    bootstrap = statements.read(dialect, "schema_version.sql")
    return bootstrap + "".join(migration.sql for migration in statements.migrations(dialect))


def _types(text: str) -> Mapping[tuple[str, str], str]:
    """(table, column) -> type. Views have none here."""
    created = {(table, column): kind for table, body, _ in TABLE.findall(text) for column, kind in COLUMN.findall(body)}
    added = statements.added_columns(text)
    return created | {(table, column): kind for table, columns in added.items() for column, kind in columns.items()}


def _row(column: str, types: Sequence[str | None], meaning: str) -> str:
    return "| " + " | ".join([column, *(kind for kind in types if kind), meaning]) + " |"

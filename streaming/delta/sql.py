"""SQL over the lake's tables by DataFusion, which delta-rs brings.

It reads only the files and columns that a query needs. DuckDB would have to load its Delta
extension from a server of its own at run time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pyarrow as pa
from deltalake import QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from streaming.delta.tables import open_table, plain
from streaming.errors import SettingsError
from streaming.settings import Settings

READS = ("select", "with", "explain", "describe")
_WORD = re.compile(r"\w+")
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def sql_name(table: str) -> str:
    """What a table is called in SQL: `gold_freshness` for gold/freshness."""
    return table.replace("/", "_")


def query(settings: Settings, statement: str, tables: Iterable[str]) -> pa.Table:
    """The rows of one reading statement over those of `tables` that it names; raises SettingsError if it is wrong.

    Every table is read at its newest version of this moment.
    """
    _check_reads(statement)
    known = {sql_name(table): table for table in tables}
    named = [name for name in dict.fromkeys(_WORD.findall(statement.lower())) if name in known]
    builder = QueryBuilder()
    for name in named:
        try:
            builder.register(name, open_table(settings, known[name]))
        except TableNotFoundError as error:
            raise SettingsError(f"{name}: the lake has no table {known[name]} yet") from error
    try:
        return plain(pa.table(builder.execute(statement).read_all()))
    except DeltaError as error:
        raise SettingsError(f"the statement is wrong: {_reason(error)} {_hint(str(error), known)}") from error
    # What fails only while rows are read, such as a division by zero, arrives as an error of Python's own.
    except Exception as error:
        raise SettingsError(f"the statement failed while it read rows: {_reason(error)}") from error


def _check_reads(statement: str) -> None:
    """DataFusion would also write files: `copy ... to`."""
    words = _WORD.findall(_COMMENTS.sub(" ", statement).lower())
    first = words[0] if words else ""
    if first not in READS:
        raise SettingsError(f"received a statement that begins with '{first}', expected one of {', '.join(READS)}")


def _reason(error: Exception) -> str:
    """The error as one sentence."""
    return f"{str(error).strip().rstrip('.') or type(error).__name__}."


def _hint(error: str, known: Mapping[str, str]) -> str:
    if "single SQL statement" in error:
        return "Ask one statement at a time."
    return f"The tables: {', '.join(known)}" if "not found" in error else "`describe TABLE` shows a table's columns."

"""The statements of a transaction that loads into Redshift, with the values that only a load knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC
from string import Template
from typing import Any

from streaming.delta.lake_files import LakeFiles, is_empty
from streaming.warehouse import statements
from streaming.warehouse.base import Load
from streaming.warehouse.redshift.data_api import MAX_STATEMENTS

DIALECT = "redshift"
LOCK_TOKEN_AND_LEDGER = 3  # statements of a transaction beside those of its loads
PLAIN_NAME = re.compile(r"[\w./-]+")


def script(load: Load, target: str) -> list[str]:
    """The statements that bring a target's rows, not filled yet."""
    rows = load.tables[target]
    bring = [] if is_empty(rows) else list(statements.load_statements(DIALECT, target))
    if load.replaces:  # nothing is left to delete by key
        kept = [statement for statement in bring if not statement.startswith("delete ")]
        bring = [f"delete from dw.{target}", *kept]  # noqa: S608 - a target's name is the name of a file
    return bring


def copied_in_place(load: Load) -> bool:
    """Whether Redshift reads files of the lake for it."""
    return any(isinstance(rows, LakeFiles) and rows.on_s3 for rows in load.tables.values())


def fitting(loads: Sequence[Load]) -> Iterator[list[Load]]:
    """The loads in groups, each of which fits into one transaction; a transaction stages each target only once."""
    together: list[Load] = []
    left = MAX_STATEMENTS - LOCK_TOKEN_AND_LEDGER
    for load in loads:
        needed = sum(len(script(load, target)) for target in load.tables)
        again = needed and any(target in other.tables for other in together for target in load.tables)
        if together and (needed > left or again):
            yield together
            together, left = [], MAX_STATEMENTS - LOCK_TOKEN_AND_LEDGER
        together.append(load)
        left -= needed
    if together:
        yield together


def values_of(load: Load) -> dict[str, Any]:
    """The values that a load's statements name. COPY takes no parameters, and one set serves a whole transaction."""
    if not PLAIN_NAME.fullmatch(load.query):
        raise ValueError(f"name of a load: received {load.query!r}, expected letters, digits and _./-")
    started_at = load.started_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return {"query": load.query, "batch_id": int(load.batch_id), "started_at": started_at}


def ledger_statement(loads: Sequence[Load]) -> str:
    """The statement that notes the loads."""
    parts = []
    for load in loads:
        for target, rows in load.tables.items():
            arrives = "arrival_time" in statements.staged_columns(DIALECT, target) and not is_empty(rows)
            [part] = statements.statements(DIALECT, f"load/ledger_of_{'stage' if arrives else 'rows'}.sql")
            parts.append(Template(part).substitute(values_of(load), target=target, rows=rows.num_rows))
    [statement] = statements.statements(DIALECT, "load/ledger.sql")
    return Template(statement).substitute(rows="\n    union all\n    ".join(parts))

"""Gold tables filled and compared without Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deltalake import DeltaTable, write_deltalake

from streaming.corrections.cohorts import Cohorts
from streaming.corrections.contributions import ENTITIES, TABLES, Sums
from streaming.delta.merge import created
from tests.lake_rows import rows_of

Gold = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


def count_gold(lake: Path) -> None:
    """Make gold what silver counts for now, as if the aggregate hop had read all of it."""
    changes = rows_of(lake, "silver/user_changes")
    sums = Sums(Cohorts(changes, ()))
    for name in ENTITIES:
        sums.add(name, DeltaTable(str(lake / name)).to_pyarrow_table(), 1)
    rows = sums.rows()
    for name, table in TABLES.items():
        delta = created(table, str(lake / name), {})
        if name in rows:
            write_deltalake(delta, rows[name], mode="overwrite")


def gold_of(lake: Path) -> Gold:
    """The gold tables as rows by key."""
    return {
        name: {tuple(row[key] for key in table.key_names): row for row in rows_of(lake, name)}
        for name, table in TABLES.items()
    }


def gold_of_silver(lake: Path, scratch: Path) -> Gold:
    """What gold must be, computed anew from silver alone."""
    for name in ENTITIES:
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / name).symlink_to(lake / name)
    count_gold(scratch)
    return gold_of(scratch)


def assert_same(found: Gold, wanted: Gold) -> None:
    """Compare all values but for rounding."""
    for name, table in TABLES.items():
        assert found[name].keys() == wanted[name].keys(), name
        for key, row in found[name].items():
            for value, _ in table.values:
                assert abs(row[value] - wanted[name][key][value]) < 1e-9, (name, key, value)

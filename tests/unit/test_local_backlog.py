"""What the end of a demo waits for."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from deploy.local.reconcile import backlog
from deploy.local.workdir import Workdir
from streaming.hops import observe
from streaming.hops.serve import GOLD


def test_the_warehouse_is_waited_for_where_it_is_loaded_and_nowhere_else(tmp_path: Path) -> None:
    served = [table.name.removeprefix("gold/") for table in GOLD]
    observed = [table.name.removeprefix("gold/") for table in observe.TABLES]
    for name in (*served, *observed):
        write_deltalake(tmp_path / "lake" / "gold" / name, pa.table({"x": [1]}))
    assert set(backlog.unserved(Workdir(tmp_path), {})) == set(served)

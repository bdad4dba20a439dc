"""What the end of a demo waits for."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from deploy.local.workdir import Workdir
from harness.audit import backlog
from streaming.scoring import observer
from streaming.warehouse.serving import GOLD


def test_the_warehouse_is_waited_for_where_it_is_loaded_and_nowhere_else(tmp_path: Path) -> None:
    served = [table.name.removeprefix("gold/") for table in GOLD]
    observed = [table.name.removeprefix("gold/") for table in observer.TABLES]
    for name in (*served, *observed):
        write_deltalake(tmp_path / "lake" / "gold" / name, pa.table({"x": [1]}))
    assert set(backlog.unserved(Workdir(tmp_path), {})) == set(served)


@pytest.mark.parametrize("rewrite", ["delete", "compact"])
def test_records_are_found_in_files_that_were_rewritten_too(tmp_path: Path, rewrite: str) -> None:
    bronze = str(tmp_path / "lake" / backlog.BRONZE)
    for numbers in (["1", "2"], ["3", "4"]):
        write_deltalake(bronze, pa.table({"sequence_number": numbers}), mode="append")
    table = DeltaTable(bronze)
    table.delete("sequence_number = '2'") if rewrite == "delete" else table.optimize.compact()
    lost = {"2", "5"} if rewrite == "delete" else {"5"}
    assert backlog.not_in_bronze(Workdir(tmp_path), set("12345")) == lost


def test_everything_is_missing_while_there_is_no_bronze(tmp_path: Path) -> None:
    assert backlog.not_in_bronze(Workdir(tmp_path), {"1"}) == {"1"}

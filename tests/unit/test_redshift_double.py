"""The double of Redshift refuses what COPY refuses: only then do tests on it say something about Redshift."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from harness.redshift_double.copying import MAX_ROW, LoadError, check_file
from harness.redshift_double.sql import translated

TEXT, TIME = ("name", "varchar_4_bytes"), ("at", "timestamp without time zone")
LONG = ("text", "varchar_65535_bytes")
US = pa.timestamp("us")


def a_file(*columns: Any) -> pa.Table:
    return pa.table({str(number): column for number, column in enumerate(columns)})


def text(*values: str | None) -> pa.Array:
    return pa.array(values, pa.string())


def not_utf8() -> pa.Array:
    """Such a file can be written, though not by this project."""
    return pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())


@pytest.mark.parametrize("value", ["", "abcd", "a   ", "\u00e9\u00e9", "\U0001f600", "\ufffe", "\ufdd0", "\x01", None])
def test_copy_takes(value: str | None) -> None:
    check_file("f", a_file(text(value), pa.array([0], US)), [TEXT, TIME])


@pytest.mark.parametrize(
    ("rows", "columns", "why"),
    [
        (a_file(text("abcde")), [TEXT], "longer than 4 bytes"),
        (a_file(text("\u00e9\u00e9x")), [TEXT], "longer than 4 bytes"),
        (a_file(text("x" * 65_536)), [LONG], "longer than 65535 bytes"),
        (a_file(text("ok", "a\0")), [TEXT], r"f\|1\|name.*NUL"),
        (a_file(not_utf8()), [TEXT], "invalid UTF-8"),
        (a_file(pa.array([-(2**62)], US)), [TIME], "out of range"),
        (a_file(pa.array([1], pa.int64())), [TEXT], "incompatible Parquet schema"),
        (a_file(text("a"), text("b")), [TEXT], "2 columns in the file, 1 in the table"),
        (a_file(*[text("x" * 65_000)] * (MAX_ROW // 65_000 + 1)), [LONG] * (MAX_ROW // 65_000 + 1), "larger than 4 MB"),
    ],
)
def test_copy_refuses(rows: pa.Table, columns: list[tuple[str, str]], why: str) -> None:
    with pytest.raises(LoadError, match=why):
        check_file("f", rows, columns)


def test_tables_enforce_no_key() -> None:
    created = (
        "create table dw.t (a varchar(8) not null primary key, b varchar(8) unique, primary key (a)) diststyle all"
    )
    spelt, _ = translated(created, {})
    assert "KEY" not in spelt.upper()
    assert "UNIQUE" not in spelt.upper()

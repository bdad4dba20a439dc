"""COPY of Parquet files by a manifest, with what Redshift insists on."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from botocore.exceptions import ClientError
from pyarrow import parquet

from streaming.warehouse.postgres import as_csv

COPY = re.compile(
    r"copy (?P<table>\w+)\s+from '(?P<manifest>s3://[^']+)'\s+iam_role '(?P<role>arn:[^']+)'\s+"
    r"format as parquet\s+manifest$"
)
PARQUET = {
    "timestamp without time zone": pa.types.is_timestamp,
    "bigint": pa.types.is_int64,
    "integer": pa.types.is_int32,
    "double precision": pa.types.is_float64,
    "boolean": pa.types.is_boolean,
}
MAX_ROW = 4 * 1024 * 1024  # bytes of a row
FIRST_TIME = -210_866_803_200_000_000  # 4713 BC, in microseconds since 1970; the last time is beyond 64 bits of these


class LoadError(Exception):
    """COPY refused a file: `file|line|column|type|message`."""


def copied(s3: Any, connection: psycopg.Connection, sql: str) -> None:
    """Run a COPY statement; raises LoadError for what Redshift refuses."""
    statement = COPY.match(sql)
    if statement is None:
        raise LoadError(f"|0|||COPY takes no parameters and no other options: {sql}")
    columns = connection.execute(
        "select attname, format_type(atttypid, null) from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 order by attnum",
        [statement["table"]],
    ).fetchall()
    for entry in json.loads(_object(s3, statement["manifest"]))["entries"]:
        try:
            content = _object(s3, entry["url"])
        except ClientError as error:
            raise LoadError(f"{entry['url']}|0|||the manifest names a file that is not there") from error
        if len(content) != entry["meta"]["content_length"]:
            raise LoadError(f"{entry['url']}|0|||content_length is wrong")
        rows = parquet.read_table(BytesIO(content))
        check_file(entry["url"], rows, columns)
        names = ", ".join(name for name, _ in columns)
        statement_in = f"copy {statement['table']} ({names}) from stdin (format csv)"
        with connection.cursor().copy(statement_in.encode()) as copy:
            copy.write(as_csv(rows))


def _object(s3: Any, url: str) -> bytes:
    parts = urlsplit(url)
    content: bytes = s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
    return content


def check_file(url: str, rows: pa.Table, columns: Sequence[tuple[str, str]]) -> None:
    """Raise LoadError unless COPY takes the file: as many columns, by place, of the very type, and values that fit.

    `columns`: name and type of each column of the table, as PostgreSQL names them.
    """
    if rows.num_columns != len(columns):
        raise LoadError(f"{url}|0|||{rows.num_columns} columns in the file, {len(columns)} in the table")
    sizes = [0] * rows.num_rows
    for place, (name, kind) in enumerate(columns):
        column = rows.column(place)
        text = kind not in PARQUET
        if not (pa.types.is_string if text else PARQUET[kind])(column.type):
            raise LoadError(f"{url}|0|{name}|{kind}|incompatible Parquet schema: {column.type}")
        if text:
            _check_text(f"{url}|{{}}|{name}|{kind}|", column, int(kind.split("_")[1]), sizes)
        elif pa.types.is_timestamp(column.type):
            _check_times(f"{url}|0|{name}|{kind}|", column)
    if sizes and max(sizes) > MAX_ROW:
        raise LoadError(f"{url}|{sizes.index(max(sizes))}|||row is larger than 4 MB")


def _check_text(place: str, column: pa.ChunkedArray, width: int, sizes: list[int]) -> None:
    """Refuse what a varchar does not take, and add each value's bytes to `sizes`."""
    for line, value in enumerate(column.cast(pa.binary()).to_pylist()):
        if value is None:
            continue
        sizes[line] += len(value)
        if len(value) > width:
            raise LoadError(f"{place.format(line)}value is longer than {width} bytes")
        if b"\0" in value:
            raise LoadError(f"{place.format(line)}NUL character")
        try:
            value.decode()
        except UnicodeDecodeError as error:
            raise LoadError(f"{place.format(line)}invalid UTF-8: byte {error.start}") from error


def _check_times(place: str, column: pa.ChunkedArray) -> None:
    first = pc.min(column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())).as_py()
    if first is not None and first < FIRST_TIME:
        raise LoadError(f"{place}timestamp out of range")

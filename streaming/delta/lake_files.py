"""Committed Parquet files of a table of the lake, as the rows of a load: named to the warehouse, or read in batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from streaming.delta.log import DataFile
from streaming.delta.tables import plain
from streaming.errors import DataFilesGone
from streaming.files import S3, Files, location

BATCH_ROWS = 10_000


@dataclass(frozen=True)
class LakeFiles:
    """Files below `folder`, the folder of the table `name`. Rows stay where they are until somebody asks for them.

    `left_out`: positions, counted from 0 through all files, of rows that do not belong to the load.
    """

    name: str
    folder: str
    storage: Files
    files: Sequence[DataFile]
    left_out: frozenset[int] = frozenset()

    @property
    def num_rows(self) -> int:
        """Rows of all files by the table's log, but for those that are left out."""
        return sum(file.rows for file in self.files) - len(self.left_out)

    @property
    def on_s3(self) -> bool:
        """Whether a warehouse can read the files by itself."""
        return location(self.folder).startswith(S3) and not self.left_out

    def urls(self) -> list[tuple[str, int]]:
        """The URL of each file and its size in bytes."""
        return [(f"{location(self.folder)}/{file.path}", file.size) for file in self.files]

    def schema(self) -> pa.Schema | None:
        """The columns of the files; None if the files differ. Reads their footers. Raises DataFilesGone.

        Files differ where a release added a column: what rewrites files puts it last, what writes new ones does not.
        """
        found = {tuple((field.name, field.type) for field in self._footer(file)) for file in self.files}
        return pa.schema(found.pop()) if len(found) == 1 else None

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The rows in tables of at most BATCH_ROWS rows, with nulls where a file lacks a column. Raises DataFilesGone.

        Memory: one such table, and what decoding it takes.
        """
        first = 0
        for rows in self._all_batches(columns):
            yield _kept(rows, {position - first for position in self.left_out})
            first += rows.num_rows

    def _all_batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        for file in self.files:
            with self._opened(file) as parquet:
                present = set(parquet.schema_arrow.names)
                kept = [name for name in columns if name in present]
                for batch in parquet.iter_batches(BATCH_ROWS, columns=kept):
                    rows = plain(pa.table(batch))
                    for name in columns:
                        if name not in present:
                            rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.string()))
                    yield rows.select(list(columns))

    def _footer(self, file: DataFile) -> pa.Schema:
        with self._opened(file) as parquet:
            return plain(parquet.schema_arrow.empty_table()).schema

    def _opened(self, file: DataFile) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.storage.open(f"{self.folder}/{file.path}"), pre_buffer=False)
        except FileNotFoundError as error:
            raise DataFilesGone(self.name, file.path) from error


Rows: TypeAlias = pa.Table | LakeFiles


def in_batches(rows: Rows, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The rows of a load, batch by batch."""
    if isinstance(rows, LakeFiles):
        yield from rows.batches(columns)
    elif rows.num_rows:
        yield rows.select(list(columns))


def without(rows: Rows, positions: frozenset[int]) -> Rows:
    """The rows but for those at these positions, counted from 0."""
    if isinstance(rows, LakeFiles):
        return replace(rows, left_out=positions)
    return _kept(rows, positions)


def _kept(rows: pa.Table, left_out: Collection[int]) -> pa.Table:
    if not left_out:
        return rows
    return rows.filter(pa.array([place not in left_out for place in range(rows.num_rows)], pa.bool_()))


def is_empty(rows: Rows) -> bool:
    """Whether a load has certainly no rows; the log of a table may lack the count of a file."""
    return not rows.files if isinstance(rows, LakeFiles) else rows.num_rows == 0

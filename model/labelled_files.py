"""Labelled texts that a user gives: a CSV with the columns `text,label`, or a Delta table with them, here or on S3.

S3 is read through delta-rs' storage client, as the streaming job reads it: both find credentials in the same places.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from model.errors import DataError, UsageError
from model.runtime import LABELS

S3 = "s3://"
Pairs = list[tuple[str, str]]


def read(path: str, storage: Mapping[str, str] | None = None) -> Pairs:
    """(text, label) of a CSV or a Delta table; a folder, or a URL that does not end in .csv, is a table.

    `path`: a local path, or a URL that begins with s3:// or s3a://. `storage`: options of delta-rs' client for S3.
    Raises DataError, which names the file, what is wrong and what was expected.
    """
    place = _normalised(path)
    is_table = not place.lower().endswith(".csv") if place.startswith(S3) else Path(place).is_dir()
    return _read_delta(place, storage) if is_table else read_csv(place, storage)


def read_csv(path: str, storage: Mapping[str, str] | None = None) -> Pairs:
    """(text, label) of a CSV with the columns `text,label`, as `read` takes it; DataError names the wrong line."""
    return list(_labelled_lines(path, csv.DictReader(open_text(path, storage), strict=True)))


def open_text(path: str, storage: Mapping[str, str] | None = None) -> io.StringIO:
    """The whole UTF-8 text of a file, as `read` takes it, with its line ends; raises DataError."""
    place = _normalised(path)
    try:
        content = _object(place, storage) if place.startswith(S3) else Path(place).read_bytes()
        return io.StringIO(content.decode("utf-8-sig"), newline="")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error


def write_csv(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Write (text, label) as `read_csv` reads them; raises UsageError where the file cannot be written."""
    try:
        with path.open("w", encoding="utf-8", errors="replace", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(("text", "label"))
            writer.writerows(rows)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def _normalised(path: str) -> str:
    scheme, separator, rest = path.partition("://")
    if not separator:
        return path
    if scheme not in ("s3", "s3a"):
        raise DataError(f"{path}: expected a local path, or a URL that begins with s3:// or s3a://")
    return f"{S3}{rest}"


def _object(url: str, storage: Mapping[str, str] | None) -> bytes:
    from deltalake.fs import DeltaStorageHandler
    from pyarrow import fs

    bucket, _, key = url.removeprefix(S3).partition("/")
    files = fs.PyFileSystem(DeltaStorageHandler(f"{S3}{bucket}", dict(storage or {})))
    with files.open_input_stream(key, compression=None) as stream:
        return bytes(stream.read())


def _read_delta(path: str, storage: Mapping[str, str] | None) -> Pairs:
    """(text, label) of a Delta table with these columns, for example `silver/labels`."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(path, storage_options=dict(storage or {})).to_pyarrow_table(columns=["text", "label"])
    except (DeltaError, ValueError, KeyError, OSError) as error:
        raise DataError(f"{path} is no Delta table with the columns text and label: {error}") from error
    pairs = list(zip(table["text"].to_pylist(), table["label"].to_pylist(), strict=True))
    wrong = next((label for text, label in pairs if label not in LABELS or text is None), None)
    if wrong is not None:
        raise DataError(f"{path}: label '{wrong}' is not one of {', '.join(LABELS)}")
    return pairs


def _labelled_lines(path: str, reader: csv.DictReader[str]) -> Iterator[tuple[str, str]]:
    missing = {"text", "label"} - set(reader.fieldnames or ())
    if missing:
        raise DataError(f"{path} has no column {' and no column '.join(sorted(missing))}: expected text,label")
    found = 0
    try:
        for line in reader:
            label = (line["label"] or "").strip().lower()
            if label not in LABELS or line["text"] is None:
                raise DataError(
                    f"{path}, line {reader.line_num}: label '{line['label']}' is not one of {', '.join(LABELS)}"
                )
            found += 1
            yield line["text"], label
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: not CSV: {error}") from error
    if not found:
        raise DataError(f"{path} has no rows")

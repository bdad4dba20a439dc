"""Rows of a file of CSV, JSON lines or one JSON array, in whatever encoding and with whatever delimiter."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from connectors.errors import UsageError

HEAD = 1024 * 1024  # bytes that encoding and form are told from
LONGEST_FIELD = 16 * 1024 * 1024  # characters
DELIMITERS = ",;\t|"
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class BadRow(NamedTuple):
    """A row that cannot be read."""

    reason: str


@dataclass(frozen=True)
class Rows:
    """A file and how it is written. `kind`: csv, lines or array; `header`: the columns of a CSV file."""

    path: Path
    encoding: str
    kind: str
    delimiter: str = ","
    header: tuple[str, ...] = ()

    @property
    def form(self) -> str:
        """How the file is written, for people."""
        if self.kind == "csv":
            return f"CSV with delimiter {self.delimiter!r} in {self.encoding}"
        return f"{'JSON lines' if self.kind == 'lines' else 'a JSON array'} in {self.encoding}"

    def read(self) -> Iterator[dict[str, Any] | BadRow]:
        """Yield the rows from the first one on; blank lines are no rows."""
        if self.kind == "csv":
            return self._csv()
        return self._array() if self.kind == "array" else self._lines()

    def _csv(self) -> Iterator[dict[str, Any] | BadRow]:
        csv.field_size_limit(LONGEST_FIELD)
        with self.path.open(encoding=self.encoding, errors="replace", newline="") as file:
            reader = csv.reader(_without_nul(file), delimiter=self.delimiter)
            next(reader, None)
            while True:
                try:
                    row = next(reader, None)
                except csv.Error:
                    yield BadRow("malformed")
                    continue
                if row is None:
                    return
                if row:
                    yield dict(zip(self.header, row, strict=False))

    def _lines(self) -> Iterator[dict[str, Any] | BadRow]:
        with self.path.open(encoding=self.encoding, errors="replace", newline="\n") as file:
            for line in file:
                if line.strip():
                    yield _object(line)

    def _array(self) -> Iterator[dict[str, Any] | BadRow]:
        try:
            items = orjson.loads(self.path.read_text(self.encoding, errors="replace"))
        except orjson.JSONDecodeError as error:
            raise UsageError(f"'{self.path}' is no JSON array: {error}") from error
        for item in items:
            yield item if isinstance(item, dict) else BadRow("malformed")


def opened(path: Path, encoding: str | None) -> Rows:
    """Find out how a file is written; raises UsageError if it cannot be read or is empty."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror}") from error
    found = encoding or _encoding(head)
    try:
        text = head.decode(found, "replace").lstrip("\ufeff").lstrip()
    except LookupError:
        raise UsageError(f"--encoding: received '{found}', expected a name such as utf-8, cp1252 or utf-16") from None
    if not text:
        raise UsageError(f"'{path}' is empty")
    if text[0] in "[{":
        return Rows(path, found, "array" if text[0] == "[" else "lines")
    return _csv(path, found, text)


def _csv(path: Path, encoding: str, text: str) -> Rows:
    """The delimiter is the one that cuts the header into most columns."""
    csv.field_size_limit(LONGEST_FIELD)
    headers = {mark: next(csv.reader(text.splitlines(keepends=True), delimiter=mark)) for mark in DELIMITERS}
    delimiter = max(headers, key=lambda mark: len(headers[mark]))
    header = tuple(name.strip() for name in headers[delimiter])
    return Rows(path, encoding, "csv", delimiter, header)


def _encoding(head: bytes) -> str:
    """What a byte order mark says; else UTF-8 where the bytes are that, and Windows' Western encoding otherwise."""
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _without_nul(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line.replace("\0", "")


def _object(line: str) -> dict[str, Any] | BadRow:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return BadRow("malformed")
    return value if isinstance(value, dict) else BadRow("malformed")

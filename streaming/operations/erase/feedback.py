"""Removes a person's texts from training data: an operator's CSV files for `model train --feedback`."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

from streaming.errors import SettingsError

BOM = "\ufeff"


def check(path: Path) -> None:
    """Raise SettingsError unless the file can be read and rewritten: better before anything is changed."""
    if not path.is_file():
        raise SettingsError(f"--feedback: there is no file '{path}'")
    if not os.access(path.parent, os.W_OK):
        raise SettingsError(f"--feedback: the folder of '{path}' is read-only, and the file must be replaced")
    try:
        _rows(path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"--feedback: '{path}' is no CSV file in UTF-8: {error}") from error


def without(path: Path, theirs: Callable[[str], bool]) -> int:
    """Replace the file by one without the rows whose text is `theirs`; returns how many were removed."""
    text, rows = _rows(path)
    kept = [row for row in rows if not _is_theirs(rows, row, theirs)]
    if len(kept) < len(rows):
        out = io.StringIO(newline="")
        first = text.splitlines(keepends=True)[0]
        csv.writer(out, lineterminator="\r\n" if first.endswith("\r\n") else "\n").writerows(kept)
        draft = path.with_name(f".{path.name}.draft")
        with draft.open("w", encoding="utf-8", newline="") as file:
            file.write((BOM if text.startswith(BOM) else "") + out.getvalue())
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(path.stat().st_mode)
        draft.replace(path)
    return len(rows) - len(kept)


def rows_left(path: Path, theirs: Callable[[str], bool]) -> int | None:
    """How many rows of the file still are `theirs`; None if there is no such file, so that nobody can tell."""
    if not path.is_file():
        return None
    _, rows = _rows(path)
    return sum(_is_theirs(rows, row, theirs) for row in rows)


def _rows(path: Path) -> tuple[str, list[list[str]]]:
    text = path.read_bytes().decode()
    return text, list(csv.reader(io.StringIO(text.removeprefix(BOM), newline="")))


def _is_theirs(rows: list[list[str]], row: list[str], theirs: Callable[[str], bool]) -> bool:
    place = rows[0].index("text") if "text" in rows[0] else 0
    return len(row) > place and theirs(row[place])

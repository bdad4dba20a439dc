"""The files that changes of rows replaced: they still hold the rows that are gone, until somebody deletes them."""

from __future__ import annotations

from streaming.corrections import readers
from streaming.delta.tables import open_table
from streaming.files import Files
from streaming.settings import Settings


def remove(settings: Settings, name: str, version: int) -> int | None:
    """Delete the files that commits up to `version` removed; None, and nothing is done, if a query is behind it.

    Returns the number of files. Raises TableNotFoundError if there is no such table.
    """
    return None if readers.behind(settings, name, version) else delete(settings, name, version)


def delete(settings: Settings, name: str, version: int | None) -> int:
    """Delete the files that commits up to `version` removed (None: all commits); returns how many that were.

    Not those that later commits removed, which a query may have yet to read; and not those without a commit, which a
    writer may be about to commit. Makes no commit: delta-rs' VACUUM makes two, and fails where a later commit than
    `version` has changed rows, as a stream with deletions does all the time. Raises TableNotFoundError.
    """
    table = open_table(settings, name)
    if version is not None:
        table.load_as_version(version)
    gone = table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=True)
    files, folder = Files(settings), settings.table(name)
    for path in gone:
        files.remove(f"{folder}/{path}")
    return len(gone)

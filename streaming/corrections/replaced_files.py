"""The files that changes of rows replaced: they still hold the rows that are gone, until somebody deletes them."""

from __future__ import annotations

from streaming.corrections import readers
from streaming.delta.tables import open_table
from streaming.settings import Settings


def remove(settings: Settings, name: str, version: int) -> int | None:
    """Delete the files that commits up to `version` removed; None, and nothing is done, if a query is behind it.

    Not those that later commits removed: a query may have yet to read them. Returns the number of files. Raises
    TableNotFoundError if there is no such table.
    """
    if readers.behind(settings, name, version):
        return None
    table = open_table(settings, name)
    table.load_as_version(version)
    return len(table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False))

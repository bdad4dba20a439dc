"""`python -m docs.generate`: writes every generated page anew. Exit codes: 0 written, 2 wrong use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from docs.generate import commands, data_dictionary, exit_codes, metrics, settings, tables
from docs.generate.contracts import events
from docs.generate.contracts import tables as contracted

DOCS = Path(__file__).resolve().parents[1]
PAGES: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": commands.page,
    "reference/settings.md": settings.page,
    "reference/tables.md": tables.page,
    "reference/metrics.md": metrics.page,
    "reference/exit-codes.md": exit_codes.page,
    "data-dictionary.md": data_dictionary.page,
    "contracts/events-1.odcs.yaml": partial(events.page, 1),
    "contracts/events-2.odcs.yaml": partial(events.page, 2),
    "contracts/silver.odcs.yaml": partial(contracted.page, "silver"),
    "contracts/gold.odcs.yaml": partial(contracted.page, "gold"),
}


def main(argv: Sequence[str]) -> int:
    """Write the pages into docs/; one that is as it would be written stays untouched."""
    if argv:
        sys.stderr.write("usage: python -m docs.generate\n")
        return 2
    for name, page in PAGES.items():
        path = DOCS / name
        path.parent.mkdir(exist_ok=True)
        text = page()
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

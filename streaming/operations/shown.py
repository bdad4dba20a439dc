"""What `rejected` and `quarantined` share: their options, and how they show the bytes of strangers on a terminal."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from streaming.operations import command
from streaming.options import Parser

MAX_CHARACTERS = 160


def add_options(parser: Parser, environ: Mapping[str, str], group: str) -> None:
    """Add `list` and `replay`, and the options of both; `group` is what rows are listed by."""
    parser.add_argument("action", choices=("list", "replay"))
    parser.add_argument("--limit", type=_limit, default=3, metavar="N", help=f"examples of each {group} (default: 3)")
    parser.add_argument("--dry-run", action="store_true", help="replay: only say what would be brought back")
    command.add_place(parser, environ)


def _limit(text: str) -> int:
    if not text.isdigit() or int(text) > 1000:
        raise argparse.ArgumentTypeError(f"received '{text}', expected a number from 0 to 1000")
    return int(text)


def shown(data: bytes) -> str:
    """Bytes as text for a terminal: control characters escaped, cut at MAX_CHARACTERS."""
    text = data[: 4 * MAX_CHARACTERS].decode("utf-8", "backslashreplace")
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return safe if len(safe) <= MAX_CHARACTERS else f"{safe[:MAX_CHARACTERS]}..."

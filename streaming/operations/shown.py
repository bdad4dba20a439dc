"""Bytes of strangers, shown on a terminal."""

from __future__ import annotations

MAX_CHARACTERS = 160


def shown(data: bytes) -> str:
    """Bytes as text for a terminal: control characters escaped, cut at MAX_CHARACTERS."""
    text = data[: 4 * MAX_CHARACTERS].decode("utf-8", "backslashreplace")
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return safe if len(safe) <= MAX_CHARACTERS else f"{safe[:MAX_CHARACTERS]}..."

"""Ids that repeat when a source repeats itself, and the memory that recognises them."""

from __future__ import annotations

import hashlib

# Of this project; another value would give every item another id.
NAMESPACE = bytes.fromhex("5b0f6d3c9c5a4c53a0f0c3a3a6a0b7d1")
REMEMBERED = 500_000


def identifier(*parts: str) -> str:
    """A UUID of version 5 (RFC 9562) over the parts: the same parts give the same id, in every run."""
    digest = bytearray(hashlib.sha1(NAMESPACE + "\x1f".join(parts).encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Recent:
    """Remembers at least the last `limit` ids, and at most twice as many.

    Two sets take turns: when the younger one is full, the older one is forgotten. An id costs about 100 bytes.
    """

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._young: set[str] = set()
        self._old: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._young or name in self._old

    def add(self, name: str) -> bool:
        """Remember an id; returns False if it is remembered already."""
        if name in self:
            return False
        if len(self._young) >= self._limit:
            self._old, self._young = self._young, set()
        self._young.add(name)
        return True

"""The words of a hashtag: capitals tell them apart, or else a list of common words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf, log

# Of a hashtag: its characters, those of a part, and what each part costs beside its rarity.
MAX_TAG, MAX_PART, PART_PRICE = 40, 16, 4.0
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z]|\b|\d|_)|[A-Z]?[a-z]+")


def words_of(name: str, common: Mapping[str, int]) -> list[str]:
    """The words of a tag without its `#`. `common`: words to their rank."""
    parts = _CAMEL.findall(name)
    return split(name.lower(), common) if len(parts) == 1 else parts


def split(name: str, common: Mapping[str, int]) -> list[str]:
    """The cheapest way to write a tag as common words, the rarer the dearer; the name alone if there is none."""
    if not 5 < len(name) <= MAX_TAG or name in common:
        return [name]
    if name[-1] not in "ai" and not any(name[end:] in common for end in range(-2, -MAX_PART - 1, -1)):
        return [name]
    best: list[tuple[float, int]] = [(0.0, 0)] + [(inf, end) for end in range(1, len(name) + 1)]
    for begin in range(len(name)):
        cost = best[begin][0]
        if cost == inf:
            continue
        for end in range(begin + 1, min(begin + MAX_PART, len(name)) + 1):
            rank = common.get(name[begin:end])
            if rank is not None and (end - begin > 1 or name[begin] in "ai"):
                best[end] = min(best[end], (cost + log(2 + rank) + PART_PRICE, begin))
    if best[-1][0] == inf:
        return [name]
    parts, end = [], len(name)
    while end:
        begin = best[end][1]
        parts.append(name[begin:end])
        end = begin
    return parts[::-1]

"""The items that a deletion can name: which table of silver holds them, and how they are told apart.

An item is known by a hash of its kind and id: 8 bytes instead of up to 512, and no id is stored a second time. That any
two of a hundred million items share their hash has a probability of 0.03 %.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streaming.tables import silver_comments, silver_interactions, silver_posts

Hashes = npt.NDArray[np.int64]


class Kind(NamedTuple):
    """The table of silver that holds items of a kind, and the column of their id."""

    table: str
    column: str


# By `target_type` of a deletion.
KINDS: Mapping[str, Kind] = {
    silver_posts.ENTITY: Kind(silver_posts.NAME, "post_id"),
    silver_comments.ENTITY: Kind(silver_comments.NAME, "comment_id"),
    silver_interactions.ENTITY: Kind(silver_interactions.NAME, "interaction_id"),
}


def hashed(kind: str, ids: Iterable[str]) -> Hashes:
    """One hash for each id."""
    key = kind.encode()
    digests = (blake2b(each.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest() for each in ids)
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)

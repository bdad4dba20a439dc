"""Chooses texts for people to label: at random, those that the model is least certain of, or those of another person.

Every choice reads silver in chunks, so its memory does not grow with the span.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import TableNotFoundError

from streaming.delta.tables import chunks, open_table, read
from streaming.settings import Settings
from streaming.tables import silver_comments, silver_labels, silver_posts
from streaming.tables.keyed_table import TIMESTAMP

TEXTS = {silver_posts.ENTITY: silver_posts.NAME, silver_comments.ENTITY: silver_comments.NAME}
_NONE = pa.schema([("event_id", pa.string()), ("event_time", TIMESTAMP), ("text", pa.string()), ("rank", pa.float64())])


def sample(settings: Settings, count: int, since: datetime, *, scored: bool = False) -> pa.Table:
    """Up to `count` posts and comments of events from `since` on without label, each with the same probability.

    `scored`: only those with a sentiment. Columns: `event_id, event_time, text`. Raises TableNotFoundError if there is
    no table of posts or of comments.
    """
    chance = np.random.default_rng()
    fresh = _without_label(settings, since, scored=scored)
    return _smallest(((rows, chance.random(rows.num_rows)) for rows in fresh), count)


def least_certain(settings: Settings, count: int, since: datetime) -> pa.Table:
    """Up to `count` scored posts and comments without label, by ascending confidence; columns as for `sample`."""
    fresh = _without_label(settings, since, scored=True)
    return _smallest(((rows, rows["confidence"].to_numpy()) for rows in fresh), count)


def of_others(settings: Settings, count: int, person: str) -> pa.Table:
    """Up to `count` texts at random that one other person has labelled; columns as for `sample`."""
    columns = ["event_id", "event_time", "text", "source", "second_source"]
    rows = read(open_table(settings, silver_labels.NAME), columns)
    one = pc.and_(pc.is_null(rows["second_source"]), pc.not_equal(rows["source"], person))
    found = rows.filter(one)
    return _smallest([(found, np.random.default_rng().random(found.num_rows))], count)


def _without_label(settings: Settings, since: datetime, *, scored: bool) -> Iterator[pa.Table]:
    try:
        labelled = read(open_table(settings, silver_labels.NAME), ["event_id"])["event_id"].combine_chunks()
    except TableNotFoundError:
        labelled = pa.array([], pa.string())
    for name in TEXTS.values():
        columns = ["event_id", "event_time", "text", "confidence"]
        for rows in chunks(open_table(settings, name), columns, f"event_time >= '{since.isoformat()}'"):
            fresh = pc.invert(pc.is_in(rows["event_id"], value_set=labelled))
            yield rows.filter(pc.and_(fresh, pc.is_valid(rows["confidence"])) if scored else fresh)


def _smallest(ranked: Iterable[tuple[pa.Table, Any]], count: int) -> pa.Table:
    """The `count` rows with the smallest numbers, in their order."""
    kept = _NONE.empty_table()
    for rows, rank in ranked:
        numbered = rows.select(["event_id", "event_time", "text"]).append_column("rank", pa.array(rank, pa.float64()))
        kept = pa.concat_tables([kept, numbered.cast(_NONE)]).sort_by("rank").slice(0, count)
    return kept.drop_columns(["rank"])

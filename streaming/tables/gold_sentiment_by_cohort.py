"""gold/sentiment_by_cohort: the sentiment of each cohort (location and age band), hour by hour.

Key: `hour` of the event, `location`, `age_band`. The author's cohort is taken from silver/users when the event is
aggregated, after the profile changes of the same micro-batch; `unknown` if the author is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from streaming.tables.gold_contributions import (
    SUMS,
    UNKNOWN,
    Keys,
    hour,
    measures,
    of_table,
)
from streaming.tables.keyed_table import (
    ADD_MEASURES,
    MEASURES,
    TIMESTAMP,
    KeyedTable,
)

NAME = "gold/sentiment_by_cohort"
TABLE = KeyedTable(
    name=NAME,
    key=(("hour", TIMESTAMP), ("location", pa.string()), ("age_band", pa.string())),
    values=MEASURES,
    time="hour",
    updates=ADD_MEASURES,
)

# (the first age above the band, the band)
AGE_BANDS = ((18, "under 18"), (25, "18-24"), (35, "25-34"), (45, "35-44"), (55, "45-54"), (65, "55-64"))
OLDEST_BAND = "65+"

Cohort = tuple[str, str]
NO_COHORT: Cohort = (UNKNOWN, UNKNOWN)


def cohort(location: str | None, age: int | None) -> Cohort:
    """Location and age band of a profile."""
    return (location or "").strip() or UNKNOWN, age_band(age)


def age_band(age: int | None) -> str:
    """The band of an age in years; `unknown` for none or a negative one."""
    if age is None or age < 0:
        return UNKNOWN
    return next((band for end, band in AGE_BANDS if age < end), OLDEST_BAND)


def keys(rows: pa.Table) -> Keys:
    """Aggregation keys of posts or comments: author and hour. `rows` replaces the author by the cohort."""
    return Keys(NAME, hour(rows["event_time"]), rows["user_id"])


def authors(sums: pa.Table) -> frozenset[str]:
    """The ids of the users whose cohorts `rows` needs."""
    return frozenset(of_table(sums, NAME)["key1"].to_pylist())


def rows(sums: pa.Table, cohorts: Mapping[str, Cohort]) -> pa.Table:
    """Converts a micro-batch's sums to rows of the table; an author who is not in `cohorts` counts as `unknown`."""
    own = of_table(sums, NAME)
    found = [cohorts.get(author, NO_COHORT) for author in own["key1"].to_pylist()]
    counted = ("events", "negative", "neutral", "positive", *SUMS)
    grouped = (
        own.select(["time", *counted])
        .append_column("location", pa.array([location for location, _ in found], pa.string()))
        .append_column("age_band", pa.array([band for _, band in found], pa.string()))
        .group_by(["time", "location", "age_band"])
        .aggregate([(name, "sum") for name in counted])
    )
    total = grouped.rename_columns([name.removesuffix("_sum") for name in grouped.column_names])
    return _rows(total, total["location"], total["age_band"])


def keys_by_cohort(rows: pa.Table, cohorts: Sequence[Cohort]) -> Keys:
    """Aggregation keys of posts or comments whose authors' cohorts are known: hour and cohort."""
    locations, bands = (pa.array([cohort[place] for cohort in cohorts], pa.string()) for place in (0, 1))
    return Keys(NAME, hour(rows["event_time"]), locations, bands)


def rows_by_cohort(sums: pa.Table) -> pa.Table:
    """Converts sums by `keys_by_cohort` to rows of the table."""
    own = of_table(sums, NAME)
    return _rows(own, own["key1"], own["key2"])


def _rows(sums: pa.Table, locations: pa.ChunkedArray, bands: pa.ChunkedArray) -> pa.Table:
    return TABLE.rows({"hour": sums["time"], "location": locations, "age_band": bands, **measures(sums)})

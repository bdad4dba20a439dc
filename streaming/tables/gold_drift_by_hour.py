"""gold/drift_by_hour: what a share of the texts was like, hour by hour, and how far that is from the model's reference.

Key: `hour` of arrival, `model_version` (that scored the texts). The histograms are counts and add up, over hours too;
their bins are those of the version's own code. The distances are from the texts that the version was judged on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa

from streaming.tables.keyed_table import TIMESTAMP, KeyedTable, replaced

NAME = "gold/drift_by_hour"
HISTOGRAMS = ("label", "polarity", "confidence", "length", "words")
DISTANCES = (
    *(f"psi_{name}" for name in ("label", "polarity", "confidence", "length")),
    *(f"js_{name}" for name in ("label", "polarity", "confidence", "length")),
    "novelty",
)
TOLD = ("changed", "diagnosis")
TABLE = KeyedTable(
    name=NAME,
    key=(("hour", TIMESTAMP), ("model_version", pa.string())),
    values=(
        ("texts", pa.int64()),
        *((name, pa.list_(pa.int64())) for name in HISTOGRAMS),
        *((name, pa.float64()) for name in DISTANCES),
        *((name, pa.string()) for name in TOLD),
    ),
    time="hour",
    # Its only writer reads the row and adds to it: a distance cannot be merged from two distances.
    updates=replaced("texts", *HISTOGRAMS, *DISTANCES, *TOLD),
    rebuilt=False,
)

# What is needed of a row of silver/posts or silver/comments.
SERVED = pa.schema(
    [
        ("event_id", pa.string()),
        ("arrival_time", TIMESTAMP),
        ("text", pa.string()),
        ("model_version", pa.string()),
    ]
)

# How long a version's former hours and its predecessor are looked at, to tell a new model from a new mood.
LOOK_BACK = timedelta(days=7)
DATA, AUDIENCE, MODEL = "data", "audience", "model"
# A profile of fewer texts says nothing.
FEWEST = 200

Row = Mapping[str, Any]


class Model(Protocol):
    """What a version's artefact offers beside `predict` (docs/architecture.md)."""

    def profile(self, texts: Sequence[str]) -> Mapping[str, Sequence[int]]:
        """Histograms of the texts and their scores, which add up."""
        ...

    def drift(self, profile: Mapping[str, Sequence[int]]) -> Mapping[str, float]:
        """Distances of a profile from the reference of the version."""
        ...

    def diagnose(self, drift: Mapping[str, float], texts: int, *, model_changed: bool) -> tuple[str, str] | None:
        """What changed (data, audience or model) and a sentence; None where nothing did."""
        ...


def row(hour: datetime, version: str, texts: Sequence[str], model: Model, known: Sequence[Row]) -> dict[str, Any]:
    """The row of an hour and a version with `texts` added to it; `known`: the table's rows of the last LOOK_BACK."""
    counted = next((each for each in known if (each["hour"], each["model_version"]) == (hour, version)), None)
    profile = {name: list(map(int, counts)) for name, counts in model.profile(texts).items()}
    many = len(texts)
    if counted is not None:
        profile = {name: [a + b for a, b in zip(profile[name], counted[name], strict=True)] for name in HISTOGRAMS}
        many += counted["texts"]
    distances = model.drift(profile)
    found = model.diagnose(distances, many, model_changed=model_changed(hour, version, known))
    return {
        "hour": hour,
        "model_version": version,
        "texts": many,
        **{name: profile[name] for name in HISTOGRAMS},
        **{name: distances.get(name) for name in DISTANCES},
        **dict(zip(TOLD, found or (None, None), strict=True)),
    }


def model_changed(hour: datetime, version: str, known: Sequence[Row]) -> bool:
    """Whether it is the version that is new rather than the mood.

    So it is where another version served before and saw no other mood, and this one has not had a calm hour yet.
    """
    before = [each for each in known if each["hour"] <= hour and each["texts"] >= FEWEST]
    former = [each for each in before if each["model_version"] != version]
    own = [each for each in before if each["model_version"] == version and each["hour"] < hour]
    if not former or any(each["changed"] is None for each in own):
        return False
    return bool(max(former, key=lambda each: each["hour"])["changed"] != AUDIENCE)


def table_of(rows: Sequence[Row]) -> pa.Table:
    """The rows as the table has them."""
    fields = pa.schema([*TABLE.key, *TABLE.values])
    made = pa.Table.from_pylist(list(rows), fields)
    return TABLE.rows({name: made[name] for name in fields.names})

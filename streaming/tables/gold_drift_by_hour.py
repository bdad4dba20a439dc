"""gold/drift_by_hour: profiles of a share of the texts, and their distances from the model's reference.

Key: `hour` of arrival, `model_version` (that scored the texts). The histograms are counts, so those of several hours
can be added; the version's own code defines the bins. The reference is the profile of the texts that the version was
evaluated on.
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
FINDINGS = ("changed", "diagnosis")
TABLE = KeyedTable(
    name=NAME,
    key=(("hour", TIMESTAMP), ("model_version", pa.string())),
    values=(
        ("texts", pa.int64()),
        *((name, pa.list_(pa.int64())) for name in HISTOGRAMS),
        *((name, pa.float64()) for name in DISTANCES),
        *((name, pa.string()) for name in FINDINGS),
    ),
    time="hour",
    # Its only writer reads the row, adds to it and replaces it: two distances cannot be merged into one.
    updates=replaced("texts", *HISTOGRAMS, *DISTANCES, *FINDINGS),
    rebuilt=False,
)

# The columns of silver/posts and silver/comments that drift needs.
SERVED = pa.schema(
    [
        ("event_id", pa.string()),
        ("arrival_time", TIMESTAMP),
        ("text", pa.string()),
        ("model_version", pa.string()),
    ]
)

# How far back the hours of a version and of its predecessor are read, to distinguish a new model from new texts.
LOOK_BACK = timedelta(days=7)
DATA, AUDIENCE, MODEL = "data", "audience", "model"
# A profile of fewer texts is too noisy to compare.
MIN_TEXTS = 200

Row = Mapping[str, Any]


class Model(Protocol):
    """What drift needs of a model version's artefact (docs/architecture.md)."""

    def profile(self, texts: Sequence[str]) -> Mapping[str, Sequence[int]]:
        """Histograms of the texts and their scores, by name; the counts of two profiles can be added."""
        ...

    def drift(self, profile: Mapping[str, Sequence[int]]) -> Mapping[str, float]:
        """Distances of a profile from the version's reference, by name."""
        ...

    def diagnose(self, drift: Mapping[str, float], texts: int, *, model_changed: bool) -> tuple[str, str] | None:
        """What changed (data, audience or model) and a sentence for people; None if nothing changed."""
        ...


def row(hour: datetime, version: str, texts: Sequence[str], model: Model, known: Sequence[Row]) -> dict[str, Any]:
    """The row of an hour and a version after adding `texts`; `known`: the table's rows of the last LOOK_BACK."""
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
        **dict(zip(FINDINGS, found or (None, None), strict=True)),
    }


def model_changed(hour: datetime, version: str, known: Sequence[Row]) -> bool:
    """True if the new version explains the shift.

    That is so if another version served before and found no change of the audience, and if this version has not yet
    had an hour without a change.
    """
    before = [each for each in known if each["hour"] <= hour and each["texts"] >= MIN_TEXTS]
    former = [each for each in before if each["model_version"] != version]
    own = [each for each in before if each["model_version"] == version and each["hour"] < hour]
    if not former or any(each["changed"] is None for each in own):
        return False
    return bool(max(former, key=lambda each: each["hour"])["changed"] != AUDIENCE)


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Converts rows as `row` makes them to an Arrow table of the table's schema."""
    fields = pa.schema([*TABLE.key, *TABLE.values])
    made = pa.Table.from_pylist(list(rows), fields)
    return TABLE.rows({name: made[name] for name in fields.names})

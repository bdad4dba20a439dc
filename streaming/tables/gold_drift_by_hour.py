"""gold/drift_by_hour: profiles of a share of the texts, and their distances from the stream's own reference.

Key: `hour` of arrival, `model_version` (that scored the texts). The histograms are counts, so those of several hours
can be added; the version's own code defines the bins. The reference is the stream itself: the hours of the version's
first day in service. Until a new version has served for a day, it is the first day of the version before. In the
stream's first hour there is no reference, and the distances are null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
# The training texts are no reference: a platform whose texts always were shorter would be reported every day.
REFERENCE_SPAN = timedelta(days=1)

Row = Mapping[str, Any]


class Model(Protocol):
    """What drift needs of a model version's artefact (docs/architecture.md)."""

    def profile(self, texts: Sequence[str]) -> Mapping[str, Sequence[int]]:
        """Histograms of the texts and their scores, by name; the counts of two profiles can be added."""
        ...

    def drift(
        self, profile: Mapping[str, Sequence[int]], reference: Mapping[str, Sequence[int]]
    ) -> Mapping[str, float]:
        """Distances of a profile from a reference profile, by name."""
        ...

    def diagnose(self, drift: Mapping[str, float], texts: int, *, model_changed: bool) -> tuple[str, str] | None:
        """What changed (data, audience or model) and a sentence for people; None if nothing changed."""
        ...


def row(hour: datetime, version: str, texts: Sequence[str], model: Model, known: Sequence[Row]) -> dict[str, Any]:
    """The row of an hour and a version after adding `texts`.

    `known`: the table's rows of the last LOOK_BACK, and those of every version's first day.
    """
    counted = next((each for each in known if (each["hour"], each["model_version"]) == (hour, version)), None)
    profile = {name: list(map(int, counts)) for name, counts in model.profile(texts).items()}
    many = len(texts)
    if counted is not None:
        profile = {name: [a + b for a, b in zip(profile[name], counted[name], strict=True)] for name in HISTOGRAMS}
        many += counted["texts"]
    usual = reference(hour, version, known)
    distances = {} if usual is None else model.drift(profile, usual)
    changed = model_changed(hour, version, known)
    found = model.diagnose(distances, many, model_changed=changed) if distances else None
    return {
        "hour": hour,
        "model_version": version,
        "texts": many,
        **{name: profile[name] for name in HISTOGRAMS},
        **{name: distances.get(name) for name in DISTANCES},
        **dict(zip(FINDINGS, found or (None, None), strict=True)),
    }


def reference(hour: datetime, version: str, known: Sequence[Row]) -> dict[str, list[int]] | None:
    """The sum of the profiles that those of an hour and a version are compared with; None if there are none yet.

    Hours in which the data or the audience changed are no part of it. Those in which the model changed are: after a
    day the new version is compared with itself.
    """
    full = [each for each in known if each["hour"] <= hour and each["texts"] >= MIN_TEXTS]
    own = [each for each in full if each["model_version"] == version and each["hour"] < hour]
    began = min((each["hour"] for each in own), default=hour)
    former = [each for each in full if each["model_version"] != version and each["hour"] <= began]
    if former and hour < began + REFERENCE_SPAN:
        last = max(former, key=lambda each: each["hour"])["model_version"]
        own = [each for each in former if each["model_version"] == last]
    rows = first_days(own)
    # In a table of an earlier release, which compared with the training texts, every hour may have changed.
    calm = [each for each in rows if each["changed"] in (None, MODEL)] or rows
    if not calm:
        return None
    return {name: [sum(bins) for bins in zip(*(each[name] for each in calm), strict=True)] for name in HISTOGRAMS}


def first_days(rows: Iterable[Row]) -> list[Row]:
    """The rows of each version's first day, a day being REFERENCE_SPAN from its first hour with enough texts."""
    full = sorted((each for each in rows if each["texts"] >= MIN_TEXTS), key=lambda each: each["hour"])
    began: dict[str, datetime] = {}
    return [
        each for each in full if each["hour"] - began.setdefault(each["model_version"], each["hour"]) < REFERENCE_SPAN
    ]


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

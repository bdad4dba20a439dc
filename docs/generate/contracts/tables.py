"""The contracts of silver's and gold's tables, from the modules in `streaming/tables`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from docs.generate import data_dictionary, tables
from docs.generate.contracts.odcs import allowed, column, document, release
from streaming.events import contract
from streaming.scoring.language import UNSUPPORTED
from streaming.tables import catalog, gold_labelled_by_hour, lake
from streaming.tables.keyed_table import LATE, MEASURES

# What only operations and the hop `retract` write is the job's own affair, and not there in every lake.
LAYERS: Mapping[str, tuple[str, ...]] = {
    "silver": tuple(
        name
        for name in (*(table.name for table in catalog.SILVER.values()), *(table.name for table in catalog.KEYED))
        if name.startswith("silver/")
    ),
    "gold": tuple(
        name for name in (*(table.name for table in catalog.KEYED), *lake.OBSERVED) if name.startswith("gold/")
    ),
}
PURPOSES = {
    "silver": "Typed events, one table for each entity; posts and comments with language, sentiment and confidence.",
    "gold": "Aggregates that dashboards, alerts and the warehouse read.",
}
# What the warehouse calls a table of silver; a table of gold has the same name there.
IN_THE_WAREHOUSE = {
    "silver/posts": "fact_post",
    "silver/comments": "fact_comment",
    "silver/interactions": "fact_interaction",
    "silver/user_changes": "dim_user_current",
    "silver/users": "dim_user_current",
}
MEANINGS = {
    "arrival_time": "When the stream received it (UTC).",
    "event_id": "Id of the event.",
    "event_time": "When it happened, by the clock of whoever sent it (UTC).",
    "schema_version": "Version of the event's form.",
    "raw": "The event as it came, unknown fields included.",
    "sequence_number": "Position of the record in the stream.",
    "record_index": "Position within an array or an aggregated record.",
    "source": "Where the event comes from; null where it did not say.",
    "lang": "Language that the event names (BCP 47); null where it did not say.",
    "scored_by": "Which model of a version with two decided: linear, encoder or imported; null where it has one only.",
    "year": "Of the time that the table is partitioned by (UTC).",
    "month": "Of the time that the table is partitioned by (UTC).",
    "day": "Of the time that the table is partitioned by (UTC).",
    "hour_of_day": "Of the time that the table is partitioned by (UTC).",
}
LOGICAL = {
    "string": "string",
    "binary": "string",
    "int": "integer",
    "bigint": "integer",
    "double": "number",
    "timestamp": "timestamp",
    "bool": "boolean",
    "boolean": "boolean",
}
SPELLED = {"bool": "boolean"}
ALLOWED: Mapping[str, Iterable[str]] = {
    "sentiment": gold_labelled_by_hour.LABELS,
    "action": sorted(contract.ACTIONS),
    "target_type": sorted(contract.TARGETS),
    "unscored_reason": (UNSUPPORTED,),
}
COUNTS = {name for name, kind in (*MEASURES, *LATE) if str(kind) == "int64"}
RANGES = {
    "polarity": {"minimum": -1, "maximum": 1},
    "confidence": {"minimum": 0, "maximum": 1},
    **{name: {"minimum": 0} for name in COUNTS},
}

# A row that counts no event any more has the mean NaN; a mean may exceed 1 by what rounding adds.
MEANS = {
    "name": "mean_within_range",
    "description": "A mean polarity lies between -1 and 1.",
    "type": "sql",
    "query": "select count(*) from {model} where events > 0 and abs(polarity_mean) > 1.000001",
    "mustBe": 0,
}


def page(layer: str) -> str:
    """The contract of a layer, silver or gold, as YAML."""
    description = {
        "purpose": PURPOSES[layer],
        "usage": "Delta tables in the lake. All times are UTC with microseconds. Null means that a value is not known.",
        "limitations": (
            "Rows change: late events are added where they belong, deletions, edits and erasures take rows out. "
            "A row of gold that counts no event any more stays until `moodstream maintain` removes it."
        ),
    }
    known = {module.NAME: module for module in tables.modules()}
    meanings = data_dictionary.meanings()
    objects = (_table(known[name], meanings) for name in dict.fromkeys(LAYERS[layer]))
    return document(layer, release(), description, _servers(layer), objects)


def _servers(layer: str) -> list[dict[str, str]]:
    """Where the tables may lie; `LAKE` is the variable of whoever checks them."""
    return [
        {"server": "s3", "type": "s3", "location": f"${{LAKE}}/{layer}/{{model}}", "format": "delta"},
        {"server": "folder", "type": "local", "path": f"${{LAKE}}/{layer}/{{model}}", "format": "delta"},
        {"server": "database", "type": "duckdb", "database": "${LAKE}", "schema": layer},
    ]


def _table(module: ModuleType, meanings: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    name = module.NAME
    layer, _, own = name.partition("/")
    told, _, more = (inspect.getdoc(module) or "").partition("\n\n")
    sentence = " ".join(told.split()).removeprefix(f"{name}: ")
    described = {key[1]: text for key, text in meanings.items() if key[0] == IN_THE_WAREHOUSE.get(name, own)}
    return {
        "name": own,
        "logicalType": "object",
        "physicalType": "table",
        "description": f"{sentence[0].upper()}{sentence[1:]} {' '.join(more.split())}",
        "properties": [_column(module, each, kind, {**MEANINGS, **described}) for each, kind in tables.columns(module)],
        "tags": [layer],
        **({"quality": [MEANS]} if ("polarity_mean", "double") in tables.columns(module) else {}),
    }


def _column(module: ModuleType, name: str, kind: str, meanings: Mapping[str, str]) -> dict[str, Any]:
    key = _key(module)
    return column(
        name,
        "array" if kind.startswith("array<") else LOGICAL[kind],
        SPELLED.get(kind, kind),
        items={"logicalType": LOGICAL[kind[6:-1]]} if kind.startswith("array<") else None,
        description=meanings.get(name),
        primaryKey=name in key,
        primaryKeyPosition=key.index(name) + 1 if name in key else None,
        required=name in key or name in _needed(module),
        partitioned=name in tables.partitions(module),
        partitionKeyPosition=_position(name, tables.partitions(module)),
        logicalTypeOptions=_options(name, kind),
        enum=allowed(ALLOWED.get(name, ())),
    )


def _options(name: str, kind: str) -> Mapping[str, Any] | None:
    """The bounds of a column of one value; that of several is a histogram."""
    if kind == "binary":
        return {"format": "binary"}
    return None if kind.startswith("array<") else RANGES.get(name)


def _key(module: ModuleType) -> tuple[str, ...]:
    """A keyed table's key, else the id of its events; none for rejected events, whose parts may be unreadable."""
    keyed = tables.keyed(module)
    if keyed:
        return keyed.key_names
    return ("event_id",) if module.ENTITY in contract.FIELDS else ()


def _needed(module: ModuleType) -> set[str]:
    """The columns that no row leaves empty: those of measures, those that the event's form requires."""
    keyed = tables.keyed(module)
    if keyed:
        return {name for name, _ in keyed.values if name in COUNTS}
    fields = {*contract.FIELDS.get(module.ENTITY, ()), *(contract.ENVELOPE if module.ENTITY in contract.FIELDS else ())}
    return {*fields, "arrival_time", "sequence_number", "record_index"}


def _position(name: str, names: tuple[str, ...]) -> int | None:
    return names.index(name) + 1 if name in names else None

"""The contracts of the events, one for each version of their form, from `streaming/events/contract.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from docs.generate.contracts.odcs import allowed, column, document
from streaming.events import contract

NAMES: Mapping[type, str] = {str: "string", int: "integer", dict: "object"}
ALLOWED: Mapping[str, Iterable[str]] = {
    "action": sorted(contract.ACTIONS),
    "target_type": sorted(contract.TARGETS),
}
# Known to version 1 only as something that it passes on.
SINCE_VERSION_2 = ("deletion",)
MEANINGS = {
    "event_id": "Identifies the event; a second one with the same id is dropped.",
    "event_type": "The kind of the event.",
    "schema_version": "The version of the event's form.",
    "event_time": "When it happened: ISO 8601 with a UTC offset, at most 24 hours ahead and 30 years back.",
    "payload": "What happened; further fields are kept and never an error.",
    "source": "Where the event comes from.",
    "lang": "The language of the text, as BCP 47.",
    "text": "What was written; not only white space.",
    "target_id": "The id of what has to go.",
}
SERVERS = (
    {"server": "stream", "type": "kinesis", "region": "${AWS_REGION}", "format": "json"},
    {"server": "files", "type": "local", "path": "${EVENTS}/{model}.json", "format": "json"},
)


def page(version: int) -> str:
    """The contract of events of a version, 1 or 2, as YAML."""
    kinds = [kind for kind in contract.FIELDS if version > 1 or kind not in SINCE_VERSION_2]
    description = {
        "purpose": "What a platform, a connector or the generator puts on the stream.",
        "usage": (
            "One record holds one event, a JSON array of events, or a KPL aggregate of these. "
            "Version 1 and version 2 may be mixed."
        ),
        "limitations": (
            "An event that breaks the contract becomes a row of silver/rejected with one of these reasons: "
            + ", ".join(contract.REASONS)
        ),
    }
    objects = (_event(kind, version) for kind in kinds)
    return document(f"events-{version}", f"{version}.0.0", description, SERVERS, objects)


def _event(kind: str, version: int) -> dict[str, Any]:
    envelope = [_field(name, of, required=True) for name, of in contract.ENVELOPE.items()]
    for each in envelope:
        each.update(_special(each["name"], kind, version))
    source = [_field("source", str, required=False)] if version > 1 else []
    return {
        "name": kind,
        "logicalType": "object",
        "physicalType": "json",
        "description": f"An event of type {kind}.",
        "properties": envelope + source,
    }


def _special(name: str, kind: str, version: int) -> dict[str, Any]:
    """What one field of the envelope has in addition, by its name."""
    if name == "event_type":
        return {"enum": allowed([kind])}
    if name == "schema_version":
        # A newer version with the known fields is accepted.
        return {"logicalTypeOptions": {"minimum": version, **({"maximum": 1} if version == 1 else {})}}
    if name == "event_time":
        return {"logicalType": "timestamp"}
    return {"properties": _payload(kind, version)} if name == "payload" else {}


def _payload(kind: str, version: int) -> list[dict[str, Any]]:
    needed = {**contract.FIELDS[kind], **(contract.REQUIRED_IN_VERSION_1.get(kind, {}) if version == 1 else {})}
    optional = {name: of for name, of in contract.OPTIONAL[kind].items() if name not in needed}
    if version == 1:
        optional = {name: of for name, of in optional.items() if name not in contract.SINCE_VERSION_2}
    return [_field(name, of, required=name in needed) for name, of in {**needed, **optional}.items()]


def _field(name: str, of: type, *, required: bool) -> dict[str, Any]:
    return column(
        name,
        NAMES[of],
        NAMES[of],
        description=MEANINGS.get(name),
        required=required,
        logicalTypeOptions=_bounds(name, of),
        enum=allowed(ALLOWED.get(name, ())),
    )


def _bounds(name: str, of: type) -> dict[str, int]:
    if of is int:
        return {"minimum": contract.INT32.start, "maximum": contract.INT32.stop - 1}
    if of is not str:
        return {}
    if name.endswith("_id"):
        return {"minLength": 1, "maxLength": contract.MAX_ID}
    if name == "text":
        return {"minLength": 1, "maxLength": contract.MAX_TEXT}
    return {"maxLength": contract.LENGTHS[name]} if name in contract.LENGTHS else {}

"""Stores labels in silver/labels, for the command and the dashboard.

Guarantee: one commit holds all labels of a call or none; a repetition changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from streaming.corrections import erased_events, journal, keyed_tables
from streaming.corrections.deletions import of_erased_events
from streaming.delta.merge import created
from streaming.delta.tables import chunks, location, open_table, read, storage_options
from streaming.operations.label.choice import TEXTS
from streaming.settings import Settings
from streaming.tables import silver_labels

MAX_EXAMPLES = 5
COLUMNS = ["event_id", "event_time", "arrival_time", "user_id", "text", "sentiment", "model_version"]
OPINIONS = ["event_id", "label", "source", "second_label", "second_source"]
_SCHEMA = pa.schema([*silver_labels.TABLE.key, *silver_labels.TABLE.values])

Opinion = dict[str, Any]
Span = tuple[datetime, datetime]


def store(
    settings: Settings, labels: Mapping[str, str], source: str, *, drawn: str | None = None, within: Span | None = None
) -> dict[str, Any]:
    """Store labels by event id; returns counts, and the events that silver does not hold.

    `source`: who labelled. `drawn`: how the texts were chosen, if the caller knows (silver_labels.RANDOM, UNCERTAIN).
    `within`: the first and the last event time of these events, if the caller knows, which saves reading all of silver.
    """
    before = _opinions(settings)
    wanted = {event: new for event, label in labels.items() if (new := _changed(before.get(event), label, source))}
    given = {"labelled_at": datetime.now(UTC), "drawn": drawn}
    events = pa.array(sorted(wanted), pa.string())
    rows = {row["event_id"]: {**row, **given, **wanted[row["event_id"]]} for row in _events(settings, events, within)}
    if rows:
        table = pa.Table.from_pylist(list(rows.values()), _SCHEMA)
        partitioned = silver_labels.TABLE.rows({name: table[name] for name in table.column_names})
        keyed_tables.upsert(settings, silver_labels.TABLE, partitioned)
        _delete_erased(settings, partitioned)
    return _counts(labels, before, rows)


def _opinions(settings: Settings) -> dict[str, Opinion]:
    """What is stored of each labelled event."""
    created(silver_labels.TABLE, location(settings.table(silver_labels.NAME)), storage_options(settings))
    known = read(open_table(settings, silver_labels.NAME), OPINIONS)
    return {row["event_id"]: row for row in known.to_pylist()}


def _changed(before: Opinion | None, label: str, source: str) -> Opinion | None:
    """What the event's row holds after `source` said `label`; None if that changes nothing."""
    if before is None:
        return {"label": label, "source": source, "second_label": None, "second_source": None}
    if before["source"] == source:
        return None if before["label"] == label else {**before, "label": label}
    if before["label"] != label:
        first = {"second_label": before["label"], "second_source": before["source"]}
        return {"label": label, "source": source, **first}
    if (before["second_label"], before["second_source"]) == (label, source):
        return None
    return {**before, "second_label": label, "second_source": source}


def _counts(labels: Mapping[str, str], before: Mapping[str, Opinion], rows: Mapping[str, Any]) -> dict[str, Any]:
    unknown = [event for event in labels if event not in rows and event not in before]
    again = [event for event in rows if event in before]
    corrected = sum(before[event]["label"] != labels[event] for event in again)
    return {
        "labels": len(labels),
        "added": len(rows) - len(again),
        "corrected": corrected,
        "unchanged": len(labels) - (len(rows) - len(again)) - corrected - len(unknown),
        "confirmed": len(again) - corrected,
        "unknown": len(unknown),
        "unknown_examples": unknown[:MAX_EXAMPLES],
    }


def _events(settings: Settings, wanted: pa.Array, within: Span | None) -> Iterator[dict[str, Any]]:
    """The posts and comments with these ids, with the served sentiment. Reads both tables; memory: a batch."""
    when = f"event_time >= '{within[0].isoformat()}' AND event_time <= '{within[1].isoformat()}'" if within else None
    for entity, name in TEXTS.items() if len(wanted) else ():
        for rows in chunks(open_table(settings, name), COLUMNS, when):
            for row in rows.filter(pc.is_in(rows["event_id"], value_set=wanted)).to_pylist():
                yield {**row, "entity": entity}


def _delete_erased(settings: Settings, rows: pa.Table) -> None:
    """Delete labels of events that an erasure removed between the reading of silver and the commit."""
    if erased_events.event_ids(settings, rows["event_id"].combine_chunks()):
        choose = of_erased_events(settings)
        journal.apply(settings, f"label-{uuid4().hex}", silver_labels.NAME, choose)

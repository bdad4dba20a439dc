"""`moodstream label`: stores the labels that people give to texts of the stream; `observe` compares models with them.

`--sample N --out FILE` writes a random sample of texts without label, for people to fill in. `--input FILE` stores
labels in one commit, so the table holds all labels of a file or none. To store a file again changes nothing.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import TableNotFoundError

from streaming.corrections import erased_events, journal, keyed_tables
from streaming.corrections.deletions import of_erased_events
from streaming.delta.merge import created
from streaming.delta.tables import (
    chunks,
    location,
    open_table,
    read,
    storage_options,
)
from streaming.errors import SettingsError
from streaming.operations import command
from streaming.operations.command import Outcome, Progress
from streaming.options import Parser
from streaming.settings import Settings
from streaming.tables import silver_comments, silver_labels, silver_posts
from streaming.tables.gold_labelled_by_hour import LABELS

EXAMPLES = """  moodstream label --sample 200 --out to-label.csv       # then fill in the column label
  moodstream label --input to-label.csv --source ann
  moodstream model train --feedback moodstream-demo/lake/silver/labels
"""
TEXTS = {silver_posts.ENTITY: silver_posts.NAME, silver_comments.ENTITY: silver_comments.NAME}
COLUMNS = ["event_id", "event_time", "arrival_time", "user_id", "text", "sentiment", "model_version"]
FILE_COLUMNS = ("event_id", "label", "text")
MAX_EXAMPLES = 5
# A spreadsheet would run such a text as a formula, and strangers wrote these texts.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Store labels, or write texts to label; returns the exit code: 1 if the lake lacks some of the events."""
    parser = Parser("label", "Store the labels that people give to texts, to evaluate models by them.", EXAMPLES)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--input",
        type=Path,
        metavar="CSV",
        help=f"columns event_id,label ({', '.join(LABELS)}; empty: left out); a later label replaces an earlier one",
    )
    which.add_argument("--sample", type=_count, metavar="N", help="write N texts without label to --out")
    parser.add_argument("--out", type=Path, metavar="CSV", help="with --sample: columns event_id,label,text")
    parser.add_argument(
        "--hours", type=_count, default=24, metavar="H", help="with --sample: of the last H hours (default: 24)"
    )
    parser.add_argument("--source", metavar="NAME", help="with --input: who labelled (default: the file's name)")
    command.add_place(parser, environ)
    return command.run(parser, _act, argv, environ)


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"received '{text}', expected a number from 1 to 100000")
    return int(text)


def _act(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    if options.sample is None:
        labels = read_labels(options.input)
        journal.finish(settings)
        progress(f"looking for {len(labels)} events")
        return _outcome(store(settings, labels, options.source or options.input.name))
    if options.out is None:
        raise SettingsError("--out: missing; it names the file for the sample")
    texts = sample(settings, options.sample, datetime.now(UTC) - timedelta(hours=options.hours))
    _write(options.out, texts)
    report = {"file": str(options.out), "texts": texts.num_rows}
    return Outcome(report, [f"{texts.num_rows} texts to be labelled: {options.out}"])


def read_labels(path: Path) -> dict[str, str]:
    """Event id -> label, from a CSV; the last label of an event counts. Raises SettingsError, naming the wrong line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return dict(_lines(path, csv.DictReader(stream, strict=True)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"--input: cannot read {path}: {error}") from error


def _lines(path: Path, reader: csv.DictReader[str]) -> Iterator[tuple[str, str]]:
    if missing := {"event_id", "label"} - set(reader.fieldnames or ()):
        raise SettingsError(f"--input: {path} has no column {' and no column '.join(sorted(missing))}")
    for line in reader:
        event, label = (line["event_id"] or "").strip(), (line["label"] or "").strip().lower()
        if label and (label not in LABELS or not event):
            raise SettingsError(
                f"--input: {path}, line {reader.line_num}: received '{event}','{label}',"
                f" expected an event id and one of {', '.join(LABELS)}"
            )
        if label:
            yield event, label


def store(settings: Settings, labels: Mapping[str, str], source: str) -> dict[str, Any]:
    """Store labels by event id in silver/labels; returns counts, and the events that silver does not hold."""
    created(silver_labels.TABLE, location(settings.table(silver_labels.NAME)), storage_options(settings))
    known = read(open_table(settings, silver_labels.NAME), ["event_id", "label"])
    before = dict(zip(known["event_id"].to_pylist(), known["label"].to_pylist(), strict=True))
    wanted = pa.array(sorted(event for event, label in labels.items() if before.get(event) != label), pa.string())
    now = datetime.now(UTC)
    rows = {
        row["event_id"]: {**row, "label": labels[row["event_id"]], "labelled_at": now, "source": source}
        for row in _events(settings, wanted)
    }
    if rows:
        table = pa.Table.from_pylist(list(rows.values()), _SCHEMA)
        partitioned = silver_labels.TABLE.rows({name: table[name] for name in table.column_names})
        keyed_tables.upsert(settings, silver_labels.TABLE, partitioned)
        _delete_erased(settings, partitioned)
    unknown = [event for event in labels if event not in rows and event not in before]
    corrected = sum(event in before for event in rows)
    return {
        "labels": len(labels),
        "added": len(rows) - corrected,
        "corrected": corrected,
        "unchanged": len(labels) - len(rows) - len(unknown),
        "unknown": len(unknown),
        "unknown_examples": unknown[:MAX_EXAMPLES],
    }


_SCHEMA = pa.schema([*silver_labels.TABLE.key, *silver_labels.TABLE.values])


def sample(settings: Settings, count: int, since: datetime) -> pa.Table:
    """Up to `count` posts and comments of events from `since` on without label, each with the same probability."""
    try:
        labelled = read(open_table(settings, silver_labels.NAME), ["event_id"])["event_id"].combine_chunks()
    except TableNotFoundError:
        labelled = pa.array([], pa.string())
    chance = np.random.default_rng()
    kept = pa.schema([("event_id", pa.string()), ("text", pa.string()), ("draw", pa.float64())]).empty_table()
    for name in TEXTS.values():
        for rows in chunks(open_table(settings, name), ["event_id", "text"], f"event_time >= '{since.isoformat()}'"):
            fresh = rows.filter(pc.invert(pc.is_in(rows["event_id"], value_set=labelled)))
            drawn = fresh.append_column("draw", pa.array(chance.random(fresh.num_rows)))
            kept = pa.concat_tables([kept, drawn.cast(kept.schema)]).sort_by("draw").slice(0, count)
    return kept.select(["event_id", "text"])


def _events(settings: Settings, wanted: pa.Array) -> Iterator[dict[str, Any]]:
    """The posts and comments with these ids, with the served sentiment. Reads both tables; memory: a batch."""
    for entity, name in TEXTS.items() if len(wanted) else ():
        for rows in chunks(open_table(settings, name), COLUMNS):
            for row in rows.filter(pc.is_in(rows["event_id"], value_set=wanted)).to_pylist():
                yield {**row, "entity": entity}


def _delete_erased(settings: Settings, rows: pa.Table) -> None:
    """Delete labels of events that an erasure removed between the reading of silver and the commit."""
    if erased_events.event_ids(settings, rows["event_id"].combine_chunks()):
        choose = of_erased_events(settings)
        journal.apply(settings, f"label-{uuid4().hex}", silver_labels.NAME, choose)


def _write(path: Path, texts: pa.Table) -> None:
    with path.open("w", encoding="utf-8", errors="replace", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(FILE_COLUMNS)
        for row in texts.to_pylist():
            quote = "'" if row["text"].startswith(FORMULA) else ""
            writer.writerow((row["event_id"], "", quote + row["text"]))


def _outcome(report: dict[str, Any]) -> Outcome:
    lines = [f"{report['added']} texts labelled, {report['corrected']} corrected, {report['unchanged']} as before"]
    if report["unknown"]:
        some = ", ".join(report["unknown_examples"])
        lines.append(f"{report['unknown']} events are not in the lake (not arrived, or erased): {some}")
    return Outcome(report, lines, 1 if report["unknown"] else 0)

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

import pyarrow as pa

from streaming.corrections import journal
from streaming.errors import SettingsError
from streaming.operations import command
from streaming.operations.command import Outcome, Progress
from streaming.operations.label.choice import sample
from streaming.operations.label.store import store
from streaming.options import Parser
from streaming.settings import Settings
from streaming.tables.gold_labelled_by_hour import LABELS

EXAMPLES = """  moodstream label --sample 200 --out to-label.csv       # then fill in the column label
  moodstream label --input to-label.csv --source ann
  moodstream model train --feedback moodstream-demo/lake/silver/labels
"""
FILE_COLUMNS = ("event_id", "label", "text")
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


def _write(path: Path, texts: pa.Table) -> None:
    with path.open("w", encoding="utf-8", errors="replace", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(FILE_COLUMNS)
        for row in texts.to_pylist():
            quote = "'" if row["text"].startswith(FORMULA) else ""
            writer.writerow((row["event_id"], "", quote + row["text"]))


def _outcome(report: dict[str, Any]) -> Outcome:
    lines = [f"{report['added']} texts labelled, {report['corrected']} corrected, {report['unchanged']} as before"]
    if report["confirmed"]:
        lines.append(f"of those, {report['confirmed']} texts got the same label from another person")
    if report["unknown"]:
        some = ", ".join(report["unknown_examples"])
        lines.append(f"{report['unknown']} events are not in the lake (not arrived, or erased): {some}")
    return Outcome(report, lines, 1 if report["unknown"] else 0)

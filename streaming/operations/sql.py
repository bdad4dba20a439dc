"""`moodstream sql`: asks a lake's tables a question, without Spark and without a warehouse."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import pyarrow as pa
import pyarrow.csv

from streaming.delta.sql import query, sql_name
from streaming.errors import SettingsError
from streaming.operations import command
from streaming.operations.command import Outcome, Progress
from streaming.options import Parser
from streaming.settings import Settings
from streaming.tables.lake import NAMES

EXAMPLES = """  moodstream sql "select topic, sum(events) from gold_sentiment_by_topic group by topic"
  moodstream sql "describe silver_posts"
  moodstream sql --lake s3a://my-lake --csv "select * from gold_freshness" > freshness.csv
"""
SHOWN = 50  # rows on a terminal
MAX_CHARACTERS = 60  # of a value on a terminal


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Answer one statement; returns the exit code."""
    parser = Parser(
        "sql",
        "Ask the lake's tables a question. The statement may only read; its dialect, DataFusion's, is close to "
        f"PostgreSQL's.\n\n{fill('Tables: ' + ', '.join(map(sql_name, NAMES)) + '.', 100)}",
        EXAMPLES,
    )
    parser.add_argument("statement", help="one statement: select, with, explain or describe")
    parser.add_argument("--csv", action="store_true", help="all rows as CSV")
    command.add_place(parser, environ)
    return command.run(parser, _answer, argv, environ)


def _answer(settings: Settings, options: argparse.Namespace, _progress: Progress) -> Outcome:
    if options.csv and options.json:
        raise SettingsError("--csv and --json: received both, expected one of them")
    rows = query(settings, options.statement, NAMES)
    if options.csv:
        pyarrow.csv.write_csv(rows, sys.stdout.buffer)
        return Outcome({})
    report = {"columns": rows.column_names, "rows": rows.to_pylist()} if options.json else {}
    return Outcome(report, _lines(rows))


def _lines(rows: pa.Table) -> list[str]:
    """The first rows as an aligned table."""
    shown = [rows.column_names, *([_text(value) for value in row.values()] for row in rows.slice(0, SHOWN).to_pylist())]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = ["  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    more = rows.num_rows - SHOWN
    return [*lines, f"... and {more:,} more rows: --csv or --json prints all" if more > 0 else f"{rows.num_rows} rows"]


def _text(value: Any) -> str:
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"

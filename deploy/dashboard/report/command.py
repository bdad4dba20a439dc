"""`moodstream report`: what people felt on a day, why, and how the pipeline did, as one self-contained HTML file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from deploy.dashboard.report import page
from deploy.dashboard.report.day import Day, newest_day
from streaming.errors import SettingsError
from streaming.files import Files
from streaming.operations import command
from streaming.operations.command import Outcome, Progress
from streaming.options import Parser
from streaming.settings import Settings

EXAMPLES = """  moodstream report
  moodstream report --day 2026-01-05 --out monday.html
  moodstream report --lake s3a://my-lake --day 2026-01-05 --out s3a://my-reports/2026-01-05.html --json
"""


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write the report; returns the exit code."""
    parser = Parser(
        "report", "Write one day of a lake as one HTML file, with everything that it shows inside.", EXAMPLES
    )
    parser.add_argument("--day", type=_day, metavar="D", help="a UTC day such as 2026-01-05 (default: gold's newest)")
    parser.add_argument("--out", metavar="FILE", help="the file, also an s3a:// URL (default: report-DAY.html)")
    command.add_place(parser, environ)
    return command.run(parser, _write, argv, environ)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"received '{text}', expected a day such as 2026-01-05") from error


def _check_writable(given: str | None) -> None:
    """Refuse a file that cannot be written, before the lake is read; raises SettingsError."""
    if given is None or "://" in given:
        return
    out = Path(given)
    if out.is_dir():
        raise SettingsError(f"--out: '{out}' is a folder, expected the name of a file")
    if not out.parent.is_dir():
        raise SettingsError(f"--out: there is no folder '{out.parent}'; make it, or name another file")


def _save(settings: Settings, out: str, text: str) -> None:
    try:
        Files(settings).write(out, text.encode())
    except OSError as error:
        raise SettingsError(f"--out: cannot write '{out}': {error.strerror or error}; name another file") from error


def _write(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    _check_writable(options.out)
    chosen = options.day or newest_day(settings)
    if chosen is None:
        raise SettingsError("the lake holds no scored text yet")
    progress(f"reading {chosen}")
    found = Day.read(settings, chosen)
    if not found.net.texts:
        raise SettingsError(f"--day: gold holds no text of {chosen} (UTC); its newest day is {newest_day(settings)}")
    out: str = options.out or f"report-{chosen}.html"
    _save(settings, out if "://" in out else str(Path(out).absolute()), page.of(found))
    report = {
        "day": str(chosen),
        "file": out,
        "texts": found.net.texts,
        "net_sentiment": round(found.net.value, 4),
        "margin": round(found.net.margin, 4),
        "summary": found.summary,
    }
    return Outcome(report, [found.summary, f"written to {out}"])

"""`moodstream alerts`: lists and shows incidents, sends a test message, and finds the incidents of past texts again."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from deltalake.exceptions import TableNotFoundError

from streaming.alerts import messages, silver_texts
from streaming.alerts.detection.counts import STEP_S
from streaming.alerts.detection.incidents import Incidents
from streaming.alerts.incident_rows import row_of
from streaming.alerts.listening import known_pauses, place
from streaming.alerts.sns import Topic
from streaming.alerts.watcher import forms
from streaming.delta.tables import recent
from streaming.errors import SettingsError
from streaming.files import Files
from streaming.operations import command
from streaming.operations.command import Outcome, Progress
from streaming.options import Parser
from streaming.settings import Settings
from streaming.tables import gold_incidents

EXAMPLES = """  moodstream alerts list
  moodstream alerts show incident-1767225660
  moodstream alerts test --alerts-topic arn:aws:sns:eu-west-1:123456789012:alerts
  moodstream alerts replay --hours 6 --json
"""
Row = dict[str, Any]


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """List, show, test or replay; returns the exit code."""
    parser = Parser("alerts", "Incidents: list and show them, test their messages, find them again.", EXAMPLES)
    parser.add_argument(
        "what", choices=tuple(ACTIONS), help="list or show incidents; test: send a message; replay: find them again"
    )
    parser.add_argument("incident", nargs="?", metavar="INCIDENT", help="with show: the incident's id")
    parser.add_argument("--days", type=_number, default=7, metavar="D", help="of the last D days (default: 7)")
    parser.add_argument(
        "--hours", type=_number, default=24, metavar="H", help="with replay: of the last H hours (default: 24)"
    )
    parser.add_argument("--alerts-topic", metavar="ARN", help="with test: SNS topic; without one, nothing is sent")
    command.add_place(parser, environ)
    return command.run(parser, lambda *given: ACTIONS[given[1].what](*given), argv, environ, lakeless=_is_test)


def _is_test(options: argparse.Namespace) -> bool:
    return bool(options.what == "test")


def _list(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:  # noqa: ARG001
    rows = _rows(settings, options.days)
    lines = [_line(row) for row in rows] or [f"no incident in the last {options.days} days"]
    return Outcome({"incidents": [messages.as_json(row) for row in rows]}, lines)


def _show(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:  # noqa: ARG001
    if options.incident is None:
        raise SettingsError("alerts show: received no INCIDENT, expected an id that `moodstream alerts list` prints")
    row = next((each for each in _rows(settings, options.days) if each["incident_id"] == options.incident), None)
    if row is None:
        raise SettingsError(
            f"alerts show: there is no incident '{options.incident}' in the last {options.days} days; "
            "`moodstream alerts list` prints all ids, and --days looks further back"
        )
    return Outcome(messages.as_json(row), [messages.email(row)])


def _test(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    """Send an invented incident, so that its receivers can be checked; raises SinkUnavailable if SNS refuses."""
    row = a_test(datetime.now(UTC))
    if options.alerts_topic:
        subject = "Moodstream: test of alerts, nothing happened"
        Topic(settings, options.alerts_topic).publish(subject, forms(messages.alert(row)))
        progress(f"sent to {options.alerts_topic}")
    else:
        progress("nothing is sent without --alerts-topic; the message would be:")
    report = {"sent": bool(options.alerts_topic), "sms": messages.sms(row), "data": messages.as_json(row)}
    return Outcome(report, [messages.email(row), "", f"SMS: {messages.sms(row)}"])


def _replay(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    """Run the detection over past texts; nothing is written or sent."""
    until = datetime.now(UTC)
    try:
        texts = silver_texts.between(settings, until - timedelta(hours=options.hours), until)
    except TableNotFoundError as error:
        raise SettingsError(f"the lake has no scored texts: {error}") from error
    progress(f"{len(texts):,} texts of the last {options.hours} hours")
    pauses = known_pauses(Files(settings).read_json(place(settings)) or {})
    detection, found, next_text = Incidents("replayed", pauses=pauses), {}, 0
    end = (texts[0].at // STEP_S + 1) * STEP_S if texts else 0.0
    while next_text < len(texts):
        first = next_text
        while next_text < len(texts) and texts[next_text].at < end:
            next_text += 1
        incident = detection.step(end, texts[first:next_text])
        if incident is not None:
            found[incident.id] = row_of(incident)
        end += STEP_S
    lines = [_line(row) for row in found.values()] or ["no incident"]
    return Outcome({"texts": len(texts), "incidents": [messages.as_json(row) for row in found.values()]}, lines)


ACTIONS = {"list": _list, "show": _show, "test": _test, "replay": _replay}


def a_test(now: datetime) -> Row:
    """An invented incident that says that it is one."""
    return {
        "since": now,
        "incident_id": "test",
        "found_at": now,
        "last_seen": now,
        "ended_at": None,
        "state": "open",
        "severity": "info",
        "cause": "audience",
        "cause_sure": 1.0,
        "why": "this is a test, nothing happened",
        "chance": 1.0,
        "series": "topic #test",
        "measure": "negative",
        "usual": 0.3,
        "found": 0.6,
        "new_topic": False,
        "symptoms": 1,
        "topics": ["test"],
        "cohorts": [],
        "terms": ["test"],
        "posts": [],
    }


def _rows(settings: Settings, days: int) -> list[Row]:
    """The incidents of the last days, the newest first."""
    now = datetime.now(UTC)
    rows = recent(settings, gold_incidents.TABLE, now - timedelta(days=days), now)
    return sorted(rows, key=lambda row: row["since"], reverse=True)


def _line(row: Row) -> str:
    state = "open  " if row["ended_at"] is None else "closed"
    head = f"{row['since']:%Y-%m-%d %H:%M:%S}  {state}  {row['severity']:<8}  {row['cause']:<8}  {row['incident_id']}"
    return f"{head}  {messages.headline(row)}"


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 3650:
        raise argparse.ArgumentTypeError(f"received '{text}', expected a whole number from 1 to 3650")
    return int(text)

"""`moodstream bench alerts`: how many incidents of simulated streams are found, how fast, and how many are false.

Streams with known incidents give precision, recall, delay and the share of right causes; calm streams of whole days
give the false alarms. An incident counts as found if it is reported within DELAY_S of event time after it began; a
second report of the same incident counts as false.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Any

from harness.arguments import Parser
from harness.bench.alert_streams import BEGAN, Stream, Truth, truths, watched
from streaming.alerts.detection.incidents import Incident

EXAMPLES = """examples:
  moodstream bench alerts --incidents 100 --seed 1 --json      a hundred incidents and thirty calm days: some minutes
  moodstream bench alerts --incidents 7 --days 0               one incident of each kind
"""
DELAY_S = 120.0
# A report after the end of an incident may still be about it.
AFTERMATH_S = 300.0
PER_STREAM = 10
DAY_S = 86_400.0
DAYS_PER_STREAM = 5
LIMITS = {"precision": 0.9, "recall": 0.9, "cause_right": 0.9}
MAX_FALSE_A_DAY = 1


@dataclass(frozen=True)
class Judged:
    """What became of one true incident: seconds until it was reported (None: never), and the cause that was named."""

    kind: str
    delay: float | None
    cause_right: bool


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:  # noqa: ARG001 - the signature of every measurement
    """Measure; returns 1 if a figure is beyond its limit."""
    parser = Parser("bench alerts", "Judge the detection of incidents by simulated streams.", EXAMPLES)
    parser.add_argument("--incidents", type=int, default=100, metavar="N", help="known incidents (default: 100)")
    parser.add_argument("--days", type=int, default=30, metavar="N", help="calm days (default: 30)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of all streams (default: 1)")
    parser.add_argument("--rate", type=float, default=20.0, metavar="R", help="events a second (default: 20)")
    parser.add_argument("--calm-rate", type=float, default=2.0, metavar="R", help="of the calm days (default: 2)")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args(list(argv))
    report = measure(options)
    sys.stdout.write(json.dumps(report) + "\n" if options.json else told(report))
    return 0 if report["passed"] else 1


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run all streams, two at a time; returns the report."""
    with ProcessPoolExecutor(2) as pool:
        parts = [min(PER_STREAM, options.incidents - done) for done in range(0, options.incidents, PER_STREAM)]
        eventful = [
            pool.submit(eventful_stream, f"{options.seed}/{n}", each, options.rate) for n, each in enumerate(parts)
        ]
        spans = [min(DAYS_PER_STREAM, options.days - done) for done in range(0, options.days, DAYS_PER_STREAM)]
        calm = [
            pool.submit(calm_stream, f"{options.seed}/calm{n}", each, options.calm_rate) for n, each in enumerate(spans)
        ]
        judged: list[Judged] = []
        false = 0
        for number, stream in enumerate(eventful):
            found, more = stream.result()
            judged, false = judged + found, false + more
            sys.stderr.write(f"stream {number + 1} of {len(eventful)} with incidents\n")
        alarms = [day for stream in calm for day in stream.result()]
    return report_of(judged, false, alarms)


def eventful_stream(seed: str, count: int, rate: float) -> tuple[list[Judged], int]:
    """Run one stream with incidents; returns what became of each, and the number of false reports."""
    known = truths(seed, count)
    seconds = known[-1].end - BEGAN + 1_200
    return judge(known, watched(Stream(seed, rate, known).texts(seconds)))


def calm_stream(seed: str, days: int, rate: float) -> list[int]:
    """Run one stream without incidents; returns the number of reports of each day."""
    found = watched(Stream(seed, rate, ()).texts(days * DAY_S))
    by_day = Counter(int((each.found - BEGAN) // DAY_S) for each in found)
    return [by_day[day] for day in range(days)]


def judge(known: Sequence[Truth], found: Sequence[Incident]) -> tuple[list[Judged], int]:
    """Compare reports with the truth; returns what became of each true incident, and the number of false reports."""
    judged, right = [], 0
    for truth in known:
        own = [each for each in found if truth.start <= each.found <= truth.end + AFTERMATH_S]
        first = min(own, key=lambda each: each.found, default=None)
        right += first is not None
        delay = None if first is None else first.found - truth.start
        judged.append(Judged(truth.kind, delay, first is not None and first.cause.name == truth.cause))
    return judged, len(found) - right


def report_of(judged: Sequence[Judged], false: int, alarms: Sequence[int]) -> dict[str, Any]:
    """The figures as one object."""
    delays = [each.delay for each in judged if each.delay is not None]
    in_time = [delay for delay in delays if delay <= DELAY_S]
    right = sum(each.cause_right for each in judged)
    figures: dict[str, Any] = {
        "incidents": len(judged),
        "precision": round(len(delays) / max(len(delays) + false, 1), 3),
        "recall": round(len(in_time) / max(len(judged), 1), 3),
        "cause_right": round(right / max(len(delays), 1), 3),
        "delay_s": _spread(delays),
        "false_reports": false,
        "calm_days": len(alarms),
        "false_alarms": sum(alarms),
        "most_false_alarms_a_day": max(alarms, default=0),
        "by_kind": {kind: _of_kind(judged, kind) for kind in sorted({each.kind for each in judged})},
        "missed": [asdict(each) for each in judged if each.delay is None or each.delay > DELAY_S],
    }
    good = all(figures[name] >= limit for name, limit in LIMITS.items()) or not judged
    return {**figures, "passed": good and figures["most_false_alarms_a_day"] <= MAX_FALSE_A_DAY}


def _of_kind(judged: Sequence[Judged], kind: str) -> dict[str, int]:
    own = [each for each in judged if each.kind == kind]
    in_time = sum(each.delay is not None and each.delay <= DELAY_S for each in own)
    return {"incidents": len(own), "in_time": in_time, "cause_right": sum(each.cause_right for each in own)}


def _spread(delays: Sequence[float]) -> dict[str, float | None]:
    if len(delays) < 2:
        return dict.fromkeys(("p50", "p95", "max"), delays[0] if delays else None)
    cuts = quantiles(delays, n=20, method="inclusive")
    return {"p50": round(cuts[9], 1), "p95": round(cuts[18], 1), "max": round(max(delays), 1)}


def told(report: Mapping[str, Any]) -> str:
    """The report for people."""
    delay = report["delay_s"]
    kinds = (f"  {kind}: {found}" for kind, found in report["by_kind"].items())
    lines = [
        f"{report['incidents']} incidents: precision {report['precision']}, recall within {DELAY_S:.0f} s "
        f"{report['recall']}, cause right {report['cause_right']}, delay {delay}",
        f"{report['calm_days']} calm days: {report['false_alarms']} false alarms, at most "
        f"{report['most_false_alarms_a_day']} on one day",
        *kinds,
    ]
    return "\n".join(lines) + "\n"


def markdown(report: Mapping[str, Any]) -> str:
    """The report as tables of a page."""
    delay = report["delay_s"]
    lines = [
        f"{report['incidents']} incidents, {report['calm_days']} calm days.",
        "",
        "| figure | found | limit |",
        "|---|---:|---:|",
        *(f"| {name.replace('_', ' ')} | {report[name]:.2f} | at least {limit} |" for name, limit in LIMITS.items()),
        f"| delay, median and worst | {delay['p50']} s, {delay['max']} s | {DELAY_S:.0f} s counts as in time |",
        f"| false alarms in all calm days | {report['false_alarms']} | at most {MAX_FALSE_A_DAY} a day |",
        "",
        "| kind of incident | incidents | in time | cause right |",
        "|---|---:|---:|---:|",
    ]
    rows = (
        f"| {kind} | {found['incidents']} | {found['in_time']} | {found['cause_right']} |"
        for kind, found in report["by_kind"].items()
    )
    return "\n".join([*lines, *rows]) + "\n"

"""`moodstream bench backlog`: how fast the whole job drains a stream that was filled while it was down.

Fills the emulated stream with the generator's records, starts the job, and looks at every layer until it holds
everything. Seconds count from the first record in bronze: Spark's start, half a minute, is shown apart. `times real
time` is the rate over that at which the records would have arrived (--rate); the audit at the end counts each one.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.local import processes, stack
from deploy.local.errors import ServiceError
from deploy.local.stack import Stack
from deploy.local.workdir import prepared
from harness.arguments import Parser, number
from harness.audit.command import audit
from harness.bench import machine
from harness.demo import drain, models, sender, settings
from harness.demo.counts import Layers
from harness.demo.job import Job

EXAMPLES = """examples:
  moodstream bench backlog
  moodstream bench backlog --records 1000000 --json     two kilobytes of memory for each record, in the emulator
"""
LAYERS = ("bronze", "silver", "gold", "warehouse")
POLL_S = 0.5
# Nothing has grown for so long before anybody asks, at some cost, whether work is left; so many looks in a row find
# none, for a hop may be about to see what another one wrote.
SETTLED_S, LOOKS = 2.0, 3
STILL_S = 600.0

Progress = Callable[[str], None]


def measured(records: int, rate: float, environ: Mapping[str, str], progress: Progress) -> dict[str, Any]:
    """Fill, drain and audit in a temporary working directory; what `--json` prints. Raises ServiceError."""
    vader = machine.vader_rate()
    with tempfile.TemporaryDirectory(prefix="moodstream-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as somebody else where we are root
        place = prepared(folder)
        options = settings.from_arguments(["--headless", "--json", "--workdir", folder], environ)
        try:
            services = stack.start(place, environ, options.shards)
            inside = services.environ(environ)
            models.ensure_champion(place, inside, progress)
            fill(services, inside, records, progress)
            since = time.time()
            reached, start_s = _drained(Job(options, services, inside), services, records, progress)
            passed = audit(place, environ, lambda _what, _count: None, since)["passed"]
        finally:
            stack.stop_all(place)
    return result(records, rate, reached, start_s, vader, passed=passed)


def fill(services: Stack, environ: Mapping[str, str], records: int, progress: Progress) -> None:
    """Put so many records into the stream, as fast as it takes them; raises ServiceError."""
    progress(f"putting {records:,} records into the stream")
    sender.send(services, environ, ["--rate", "max", "--events", str(records)])


def _drained(job: Job, services: Stack, records: int, progress: Progress) -> tuple[dict[str, float], float]:
    """Run the job until it has read everything, and stop it; returns what `watched` does."""
    try:
        job.start()
        found = watched(job, services, records, progress)
        if not drain.drain(job, services.postgres, progress):
            last = processes.last_lines(services.workdir.logs / "job.log")
            raise ServiceError(f"the job made no progress any more: {last}")
    finally:
        job.stop()
    return found


def watched(job: Job, services: Stack, records: int, progress: Progress) -> tuple[dict[str, float], float]:
    """Seconds from the first record in bronze until each layer grew no more, and seconds from the start to that record.

    Returns once bronze has all `records` and no layer has anything left to do. Raises ServiceError if none grows for
    STILL_S.
    """
    layers, began = Layers(services.workdir), time.monotonic()
    first: float | None = None
    rows, reached = dict.fromkeys(LAYERS, 0), dict.fromkeys(LAYERS, 0.0)
    grown, idle = began, 0
    while idle < LOOKS:
        job.check()
        now = time.monotonic()
        found = drain.rows(layers, services.postgres)
        if found["bronze"] and first is None:
            first = now
        for layer in LAYERS:
            if found[layer] > rows[layer] and first is not None:
                rows[layer], reached[layer], grown = found[layer], now - first, now
        progress(f"{now - began:.0f} s: " + ", ".join(f"{layer} {count:,}" for layer, count in found.items()))
        settled = found["bronze"] >= records and now - grown > SETTLED_S
        idle = idle + 1 if settled and not drain.unfinished(services.workdir, services.postgres) else 0
        if now - grown > STILL_S:
            last = processes.last_lines(services.workdir.logs / "job.log")
            raise ServiceError(f"no layer has grown for {STILL_S:.0f} s: {last}")
        time.sleep(POLL_S)
    return reached, (first or began) - began


def result(
    records: int, rate: float, reached: Mapping[str, float], start_s: float, vader: int | None, *, passed: bool
) -> dict[str, Any]:
    """What `--json` prints; `reached`: seconds by layer."""
    rates = {layer: records / seconds if seconds else None for layer, seconds in reached.items()}
    return {
        "records": records,
        "rate": rate,
        "vader_texts_per_second": vader,
        "start_s": round(start_s, 1),
        "seconds": {layer: round(seconds, 1) for layer, seconds in reached.items()},
        "records_per_second": {layer: found and round(found) for layer, found in rates.items()},
        "times_real_time": {layer: found and round(found / rate, 2) for layer, found in rates.items()},
        "passed": passed,
    }


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Measure and print; returns 1 if the audit failed. Raises LocalError."""
    parser = Parser("moodstream bench backlog", __doc__, EXAMPLES)
    add = parser.add_argument
    add("--records", type=number(0, 1e8, "a whole number above 0", int), default=300_000, metavar="N",
        help="records that wait (300000: five minutes at --rate)")  # fmt: skip
    add("--rate", type=number(0, 1e6, "records a second above 0"), default=1000.0, metavar="R",
        help="records a second at which they would have arrived (1000)")  # fmt: skip
    add("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args(list(argv))

    last = ""

    def progress(what: str) -> None:
        nonlocal last
        if what != last:
            sys.stderr.write(f"{what}\n")
        last = what

    found = measured(options.records, options.rate, environ, progress)
    sys.stdout.write(json.dumps(found) + "\n" if options.json else markdown(found))
    return 0 if found["passed"] else 1


def markdown(found: Mapping[str, Any]) -> str:
    """The result as a Markdown table."""
    lines = [
        f"{found['records']:,} records waited; {found['start_s']} s from the start of the job to the first in bronze.",
        "",
        "| layer | seconds until it held all | records a second | times real time |",
        "|---|---:|---:|---:|",
    ]
    for layer, seconds in found["seconds"].items():
        rate, times = found["records_per_second"][layer], found["times_real_time"][layer]
        lines.append(f"| {layer} | {seconds} | {rate:,} | {times} |" if rate else f"| {layer} | none | | |")
    lines += [] if found["passed"] else ["", "The audit failed."]
    return "\n".join(lines) + "\n"

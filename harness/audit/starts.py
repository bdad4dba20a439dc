"""When the job was started and ready, kept for the audit: latencies leave out what a cold JVM delays."""

from __future__ import annotations

import json

from deploy.local.workdir import Workdir

FILE = "job-starts.jsonl"


def note(workdir: Workdir, started: float, ready: float) -> None:
    """Write down one start of the job; epoch seconds."""
    with (workdir.run / FILE).open("a") as file:
        file.write(json.dumps([started, ready]) + "\n")


def read(workdir: Workdir) -> list[tuple[float, float]]:
    """Every start of the job, (started, ready) in epoch seconds."""
    path = workdir.run / FILE
    if not path.exists():
        return []
    lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [(float(started), float(ready)) for started, ready in map(json.loads, lines)]

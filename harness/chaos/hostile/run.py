"""`moodstream chaos --hostile`: made-up streams for some minutes, each through every layer; stops at a difference."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from deploy.local import postgres, workdir
from harness.bench.embedded import settings_in
from harness.chaos.hostile.search import Examination, Found, search
from harness.chaos.hostile.warehouses import Server
from streaming.cli import create_tables

STREAMS_PER_SEED = 10
CORES = 2
SHOWN = 300  # bytes of a record

Progress = Callable[[str], None]


def run(minutes: float, seed: int, environ: Mapping[str, str], progress: Progress) -> dict[str, Any]:
    """Try the streams of `seed`, then those of the next one, until the time is over or one makes a difference.

    Returns what `--json` prints: `found` is None, or the seed, the error, and the records of the smallest stream that
    makes the difference, which lie as files in `folder`. Making it small takes up to five minutes more.
    """
    began = time.monotonic()
    scratch = Path(tempfile.mkdtemp(prefix="moodstream-hostile-"))
    found: Found | None = None
    with _examination(scratch, environ) as examination:
        for each in count(seed):
            found = search(examination, each, STREAMS_PER_SEED)
            seconds = time.monotonic() - began
            progress(f"seed {each}: {examination.streams} streams, {examination.records} records, {seconds:.0f} s")
            if found is not None or seconds >= 60 * minutes:
                break
    result = {
        "seconds": round(time.monotonic() - began, 1),
        "seeds": [seed, each],
        "streams": examination.streams,
        "records": examination.records,
        "found": _reported(found, scratch) if found else None,
    }
    if found is None:
        shutil.rmtree(scratch, ignore_errors=True)
    return result


def readable(result: Mapping[str, Any]) -> str:
    """The report as lines of text."""
    first, last = result["seeds"]
    head = (
        f"seeds {first} to {last}: {result['streams']} streams of {result['records']} records in {result['seconds']} s"
    )
    if result["found"] is None:
        return f"{head}: all layers agree\n"
    found = result["found"]
    records = "".join(f"  {record}\n" for record in found["records"])
    return (
        f"{head}\nseed {found['seed']} makes a difference:\n{found['error']}\n"
        f"by {len(found['records'])} records, whole in {found['folder']}:\n{records}"
        f"again: moodstream chaos --hostile --seed {found['seed']}\n"
    )


@contextmanager
def _examination(scratch: Path, environ: Mapping[str, str]) -> Iterator[Examination]:
    """An examination with a PostgreSQL of its own, which ends with it."""
    scratch.chmod(0o755)  # PostgreSQL runs as `nobody` where this runs as root
    place = workdir.prepared(str(scratch / "work"))
    settings = settings_in(scratch / "empty", CORES)
    create_tables(settings)
    try:
        started = postgres.start(place, environ)
        server = Server(started.url, started.password)
        try:
            yield Examination(server, Path(settings.lake), scratch)
        finally:
            server.close()
    finally:
        postgres.stop(place)
        shutil.rmtree(place.root, ignore_errors=True)


def _reported(found: Found, scratch: Path) -> dict[str, Any]:
    """The report of a difference; writes each record into a file."""
    for number, record in enumerate(found.stream):
        (scratch / f"{number:02d}-{record.arrival:%H%M%S.%f}.bin").write_bytes(record.data)
    return {
        "seed": found.seed,
        "error": f"{type(found.error).__name__}: {found.error}"[:5_000],
        "folder": str(scratch),
        "records": [repr(record.data[:SHOWN]) for record in found.stream],
    }

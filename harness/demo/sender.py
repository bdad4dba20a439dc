"""What sends to the demo's stream, as a child process: the generator, or the connector of a real source."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.local import aws, processes
from deploy.local.errors import ServiceError, UsageError
from deploy.local.processes import Process
from deploy.local.stack import Stack
from deploy.local.workdir import Workdir
from harness.audit import backlog
from harness.demo.settings import DemoSettings

NAME = "generator"
STATUS = "sending.json"
DRAINED = "drained"
PATIENCE_S = 30.0
DEFAULT_RATE = 200.0  # records a second of the generator


class Sender:
    """One run of the generator or of a connector, which sends to the stack's stream."""

    def __init__(self, settings: DemoSettings, stack: Stack, environ: Mapping[str, str]) -> None:
        self._work = stack.workdir
        self._status = self._work.run / STATUS
        self._status.unlink(missing_ok=True)
        self._code: int | None = None
        if settings.connect is not None:
            self._process = _connector(settings, settings.connect, stack, environ, self._status_option())
            return
        source = ["--input", str(settings.input.absolute())] if settings.input else ["--seed", str(settings.seed)]
        source += ["--scenario", settings.scenario] if settings.scenario else []
        source += ["--deletions", str(settings.deletions), "--edits", str(settings.edits)]
        duration = [] if settings.seconds is None else ["--duration", str(settings.seconds)]
        self._process = _spawn(
            stack, environ, ["--rate", str(settings.rate or DEFAULT_RATE), *source, *duration, *self._status_option()]
        )

    def status(self) -> dict[str, Any]:
        """The generator's counts; empty in its first second."""
        try:
            status: dict[str, Any] = json.loads(self._status.read_text())
        except (OSError, ValueError):
            return {}
        return status

    def ended(self) -> bool:
        """Whether it has sent everything; raises UsageError or ServiceError if it failed."""
        if self._process.alive:
            return False
        if self._code is None:
            self._code = self._process.exit_code() or 0
        if self._code:
            line = processes.last_lines(self._work.logs / f"{NAME}.log")
            kind = UsageError if self._code == 2 else ServiceError
            line = line.removeprefix("moodstream generate: ").removeprefix("moodstream connect: ")
            raise kind(line or f"the generator ended with {self._code}")
        return True

    def stop(self) -> None:
        """Let it deliver the records that it has begun, then end it."""
        processes.stop(self._process, patience=PATIENCE_S)

    def _status_option(self) -> list[str]:
        return ["--status-file", str(self._status)]


def resend(stack: Stack, environ: Mapping[str, str]) -> int:
    """Put records again that a lost emulator had acknowledged and bronze does not hold; returns their number.

    Only if the stream is new: a stream that still exists still holds its records.
    """
    work = stack.workdir
    if not stack.aws.new_stream or (work.run / DRAINED).exists():
        return 0
    missing = backlog.missing(work)
    if not missing:
        return 0
    listed = work.run / "resend.txt"
    listed.write_text("\n".join(missing) + "\n")
    send(stack, environ, ["--resend", str(listed)])
    return len(missing)


def send(stack: Stack, environ: Mapping[str, str], options: Sequence[str]) -> None:
    """Run the generator with these options until it has put everything; raises ServiceError if it fails."""
    process = _spawn(stack, environ, options)
    while process.alive:
        processes.pause()
    if process.exit_code():
        raise ServiceError(f"records could not be put: {processes.last_lines(stack.workdir.logs / f'{NAME}.log')}")


def note_drained(workdir: Workdir) -> None:
    """Record that everything sent has arrived, so that the next start need not check."""
    (workdir.run / DRAINED).touch()


def _connector(
    settings: DemoSettings, source: Sequence[str], stack: Stack, environ: Mapping[str, str], options: list[str]
) -> Process:
    """Start `moodstream connect`; its ledger is the audit's witness, as the generator's is."""
    work = stack.workdir
    (work.run / DRAINED).unlink(missing_ok=True)
    given = {"--endpoint": settings.connect_endpoint, "--rate": settings.rate, "--seconds": settings.seconds}
    options = options + [word for name, value in given.items() if value is not None for word in (name, str(value))]
    return processes.spawn(
        NAME,
        [
            *(sys.executable, "-m", "connectors", *source, "--stream", aws.STREAM),
            *("--kinesis-endpoint", stack.aws.endpoint, "--ledger", str(work.ledger)),
            *("--cursor", str(work.run / f"{source[0]}.cursor"), *options),
        ],
        run=work.run,
        log=work.logs / f"{NAME}.log",
        environ=environ,
    )


def _spawn(stack: Stack, environ: Mapping[str, str], options: Sequence[str]) -> Process:
    work = stack.workdir
    (work.run / DRAINED).unlink(missing_ok=True)
    return processes.spawn(
        NAME,
        [
            *(sys.executable, "-m", "generator", "--out", f"kinesis:{aws.STREAM}"),
            *("--endpoint-url", stack.aws.endpoint, "--ledger", str(work.ledger), *options),
        ],
        run=work.run,
        log=work.logs / f"{NAME}.log",
        environ=environ,
    )

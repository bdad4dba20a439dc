"""Settings of one run, built once from (argv, environ) and checked here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from generator.arguments import DEFAULT_EVENTS, DEFAULT_RATE, DEFAULT_REPORTED, DEFAULT_START, parser
from generator.errors import UsageError
from generator.scenario import Scenario
from generator.simulation import KINESIS_AGGREGATED, Dirt

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

MIN_OUTBOX = 180.0  # seconds: an open segment is never pruned
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_ROLE_ARN")


@dataclass(frozen=True)
class Target:
    """A Kinesis stream and how to talk to it."""

    name: str
    endpoint_url: str | None
    region: str | None
    anonymous: bool  # an emulator on this machine, and no credentials in the environment
    keep_limits: bool
    workers: int


@dataclass(frozen=True)
class Settings:
    """Everything a run depends on. Times are epoch seconds, durations seconds."""

    events: int | None
    rate: float  # records a second; infinite: as fast as it goes
    duration: float | None
    seed: int
    start: float | None  # None: live
    scenario: Scenario
    texts: Path | None
    deletions: float  # share of all records, 0..1; edits too
    edits: float
    input: Path | None
    from_seed_system: bool
    target: Target | None
    out: Path | None  # without target or out: standard output
    ledger: Path | None
    keep_outbox: float
    resend: Path | None
    report: Path | None
    status_file: Path | None


def from_arguments(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Build the settings, or raise UsageError with one line that says what is wrong."""
    given = parser().parse_args(argv)
    scheme, _, stream = given.out.partition(":")
    target = _target(stream, given, environ) if scheme == "kinesis" else None
    _check(given, target)
    simulated = target is None and given.input is None
    scenario = _scenario(given, binary=target is not None)
    return Settings(
        events=_events(given, endless=simulated and given.events is None and given.duration is None),
        rate=given.rate or scenario.rate or DEFAULT_RATE,
        duration=given.duration,
        seed=given.seed,
        start=DEFAULT_START if simulated and given.start is None else given.start,
        scenario=scenario,
        texts=given.texts,
        deletions=given.deletions,
        edits=given.edits,
        input=given.input,
        from_seed_system=given.input_format == "seed",
        target=target,
        out=None if target or given.out == "-" else Path(given.out),
        ledger=given.ledger,
        keep_outbox=max(given.keep_outbox, MIN_OUTBOX),
        resend=given.resend,
        report=given.report,
        status_file=given.status_file,
    )


def _events(given: argparse.Namespace, *, endless: bool) -> int | None:
    if given.report is not None and given.events is None:
        return DEFAULT_REPORTED
    return DEFAULT_EVENTS if endless else given.events


def _scenario(given: argparse.Namespace, *, binary: bool) -> Scenario:
    """Return the scenario that was asked for; single options win over its values."""
    scenario: Scenario = given.scenario or Scenario(dirt=Dirt(aggregated=KINESIS_AGGREGATED))
    dirt = scenario.dirt if binary else replace(scenario.dirt, aggregated=0.0)  # a file has lines
    return replace(
        scenario,
        users=given.users or scenario.users,
        load_curve=given.load_curve or scenario.load_curve,
        dirt=dirt if given.dirt is None else dirt.scaled_to(given.dirt),
        episodes=(*scenario.episodes, *given.episode),
    )


def _target(stream: str, given: argparse.Namespace, environ: Mapping[str, str]) -> Target:
    if not stream:
        raise UsageError(f"--out '{given.out}' names no stream, expected kinesis:STREAM")
    endpoint = given.endpoint_url or environ.get("AWS_ENDPOINT_URL_KINESIS") or environ.get("AWS_ENDPOINT_URL")
    region = given.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    here = (endpoint or "").split("://")[-1].startswith(("127.0.0.1", "localhost", "[::1]"))
    return Target(
        name=stream,
        endpoint_url=endpoint,
        region=region or ("us-east-1" if endpoint else None),
        anonymous=here and not any(environ.get(name) for name in CREDENTIALS),
        keep_limits=not endpoint if given.shard_limits is None else given.shard_limits,
        workers=given.workers,
    )


def _check(given: argparse.Namespace, target: Target | None) -> None:
    if given.deletions + given.edits > 1:
        raise UsageError(f"--deletions and --edits add up to {given.deletions + given.edits:g}, expected at most 1")
    if given.resend is not None and given.input is not None:
        raise UsageError("--resend and --input exclude each other")
    if given.resend is not None and (given.ledger is None or target is None):
        raise UsageError("--resend needs --ledger DIR and --out kinesis:STREAM")
    if given.input is not None and given.start is not None:
        raise UsageError("--start has no effect with --input: its records are sent unchanged")
    if given.report is not None and (target is not None or given.input is not None):
        raise UsageError("--report simulates a stream of its own: expected neither --out kinesis:STREAM nor --input")

"""Settings of one run, built once from (argv, environ) and checked here."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from generator.errors import UsageError
from generator.stream import Dirt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DEFAULT_START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
DEFAULT_EVENTS = 1_000  # to a file or to standard output, where nothing else ends the run
EXAMPLES = """\
examples:
  moodstream generate --events 5                            five records on standard output
  moodstream generate --events 100000 --seed 7 --out day.jsonl
  moodstream generate --rate 500 --out kinesis:moodstream-events --ledger ledger
  moodstream generate --input records.jsonl --rate 200 --out kinesis:moodstream-events
"""


@dataclass(frozen=True)
class Settings:
    """Everything a run depends on. Times are epoch seconds, durations seconds."""

    events: int | None
    rate: float  # records a second; infinite: as fast as it goes
    duration: float | None
    seed: int
    start: float | None
    stream: str | None  # a Kinesis stream's name, or
    out: Path | None  # a file; neither: standard output
    input: Path | None
    ledger: Path | None
    resend: Path | None
    keep_outbox: float
    status_file: Path | None
    endpoint_url: str | None
    region: str | None
    anonymous: bool  # a stand-in on this machine, and no credentials given
    shard_limits: bool
    workers: int
    users: int
    dirt: Dirt


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _number(low: float, expected: str, kind: type[float] | type[int] = float) -> Callable[[str], float]:
    """A converter for argparse that says what was expected."""

    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(low) - 1
        if not low <= value < math.inf:
            raise argparse.ArgumentTypeError(f"'{text}' is not {expected}")
        return value

    return convert


def _rate(text: str) -> float:
    if text == "max":
        return math.inf
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0, or 'max'")
    return rate


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share between 0 and 1")
    return share


def _time(text: str) -> float:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not an ISO 8601 time") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "moodstream generate",
        description="Send or write the events of a mock social platform.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    count = _number(1, "a whole number above 0", int)
    seconds = _number(0, "a number of seconds")
    what = parser.add_argument_group("what")
    what.add_argument(
        "--events", type=count, metavar="N", help="stop after N records (default: 1000 to a file, endless to Kinesis)"
    )
    what.add_argument(
        "--duration", type=seconds, metavar="S", help="stop after S seconds (of simulated time, to a file)"
    )
    what.add_argument("--rate", type=_rate, default=100.0, metavar="R", help="records a second, or 'max' (default 100)")
    what.add_argument(
        "--seed", type=int, default=1, metavar="S", help="who the users are and, with --start, what they do (default 1)"
    )
    what.add_argument(
        "--start",
        type=_time,
        metavar="TIME",
        help="event time of the first record (default: 2026-01-01T00:00:00Z to a file, now to Kinesis)",
    )
    what.add_argument("--users", type=count, default=20_000, metavar="N", help="size of the population (default 20000)")
    what.add_argument(
        "--dirt",
        type=_share,
        metavar="SHARE",
        help="share of duplicates, late and malformed records and the like (default 0.03)",
    )
    what.add_argument(
        "--input",
        type=Path,
        metavar="FILE",
        help="send the records of FILE as they stand, one a line ('-': standard input; .gz is unpacked)",
    )
    what.add_argument(
        "--resend",
        type=Path,
        metavar="FILE",
        help="put again the records of --ledger whose sequence numbers FILE lists, one a line",
    )
    where = parser.add_argument_group("where")
    where.add_argument(
        "--out", default="-", metavar="OUT", help="FILE, - (standard output, the default) or kinesis:STREAM"
    )
    where.add_argument(
        "--endpoint-url",
        metavar="URL",
        help="Kinesis endpoint (default AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL, then AWS itself)",
    )
    where.add_argument("--region", metavar="R", help="AWS region (default AWS_REGION, AWS_DEFAULT_REGION)")
    where.add_argument(
        "--shard-limits",
        action=argparse.BooleanOptionalAction,
        help="keep to 1,000 records and 1 MB a second and shard (default: unless there is an endpoint URL)",
    )
    where.add_argument("--workers", type=count, default=2, metavar="N", help="puts at a time (default 2)")
    where.add_argument("--ledger", type=Path, metavar="DIR", help="write down what is sent, for the audit")
    where.add_argument(
        "--keep-outbox",
        type=seconds,
        default=900.0,
        metavar="S",
        help="keep this run's bytes in the ledger for S seconds (default 900)",
    )
    add(
        "--status-file",
        type=Path,
        metavar="FILE",
        help="rewrite FILE every second with the counts (default with Kinesis: a line on standard output)",
    )
    return parser


def from_arguments(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Build the settings, or raise UsageError with one line that says what is wrong."""
    given = _parser().parse_args(argv)
    scheme, _, stream = given.out.partition(":")
    to_kinesis = scheme == "kinesis"
    if to_kinesis and not stream:
        raise UsageError(f"--out '{given.out}' names no stream, expected kinesis:STREAM")
    endpoint = given.endpoint_url or environ.get("AWS_ENDPOINT_URL_KINESIS") or environ.get("AWS_ENDPOINT_URL")
    region = given.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    _check(given, to_kinesis)
    file_run = not to_kinesis and given.input is None
    dirt = Dirt(aggregated=0.001) if to_kinesis else Dirt()
    return Settings(
        events=DEFAULT_EVENTS if file_run and given.events is None and given.duration is None else given.events,
        rate=given.rate,
        duration=given.duration,
        seed=given.seed,
        start=DEFAULT_START if file_run and given.start is None else given.start,
        stream=stream if to_kinesis else None,
        out=None if to_kinesis or given.out == "-" else Path(given.out),
        input=given.input,
        ledger=given.ledger,
        resend=given.resend,
        keep_outbox=max(given.keep_outbox, 180.0),
        status_file=given.status_file,
        endpoint_url=endpoint,
        region=region or ("us-east-1" if endpoint else None),
        anonymous=not any(environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"))
        and _on_this_machine(endpoint),
        shard_limits=not endpoint if given.shard_limits is None else given.shard_limits,
        workers=given.workers,
        users=given.users,
        dirt=dirt if given.dirt is None else dirt.scaled_to(given.dirt),
    )


def _on_this_machine(url: str | None) -> bool:
    return url is not None and url.split("://")[-1].startswith(("127.0.0.1", "localhost", "[::1]"))


def _check(given: argparse.Namespace, to_kinesis: bool) -> None:
    if given.resend is not None:
        if given.input is not None:
            raise UsageError("--resend and --input exclude each other")
        if given.ledger is None or not to_kinesis:
            raise UsageError("--resend needs --ledger DIR and --out kinesis:STREAM")
    if given.input is not None and given.start is not None:
        raise UsageError("--start has no effect with --input: its records are sent as they stand")

"""The options of `moodstream generate`, their defaults and the conversion of their values."""

from __future__ import annotations

import argparse
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from generator.errors import UsageError
from generator.platform.episodes import KINDS
from generator.platform.load_curves import LOAD_CURVES
from generator.scenario import Scenario, episode_of, load_scenario, packaged

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
DEFAULT_REPORTED = 300_000  # enough for every statistic of --report
DEFAULT_EVENTS = 1_000  # to a file or to standard output, where nothing else ends the run
DEFAULT_RATE = 100.0  # records a second
DEFAULT_KEEP_OUTBOX = 900.0  # seconds
DEFAULT_WORKERS = 2
DEFAULT_SEED = 1

EXAMPLES = """\
examples:
  moodstream generate --events 5                            five records on standard output
  moodstream generate --events 100000 --seed 7 --out day.jsonl
  moodstream generate --rate 500 --out kinesis:moodstream-events --ledger ledger
  moodstream generate --scenario outage --out kinesis:moodstream-events
  moodstream generate --episode raid@60+120 --episode holiday@300+600 --duration 900 --out raid.jsonl
  moodstream generate --input records.jsonl --rate 200 --out kinesis:moodstream-events
  moodstream generate --report report --events 1000000      statistics and plots of the stream
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError; argparse would print the usage and exit."""
        raise UsageError(message)


def _converter(
    expected: str, accepts: Callable[[float], bool], kind: type[float] | type[int] = float
) -> Callable[[str], float]:
    """A converter for argparse whose error says what was received and what was expected."""

    def convert(text: str) -> float:
        try:
            value = kind(text)
            if math.isfinite(value) and accepts(value):
                return value
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"'{text}' is not {expected}")

    return convert


_count = _converter("a whole number above 0", lambda n: n > 0, int)
_seconds = _converter("a number of seconds", lambda s: s >= 0)
_share = _converter("a share between 0 and 1", lambda s: 0 <= s <= 1)
_positive = _converter("a number above 0, or 'max'", lambda r: r > 0)


def _rate(text: str) -> float:
    return math.inf if text == "max" else _positive(text)


def _time(text: str) -> float:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not an ISO 8601 time") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def parser() -> argparse.ArgumentParser:
    """Return the command's parser. Its errors are UsageErrors."""
    made = Parser(
        "moodstream generate",
        description="Send or write the events of a mock social platform.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_amount(made)
    _add_content(made)
    _add_destination(made)
    _add_ledger(made)
    return made


def _add_amount(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("how much").add_argument
    add(
        "--events",
        type=_count,
        metavar="N",
        help=f"stop after N records (default: {DEFAULT_EVENTS} to a file, {DEFAULT_REPORTED} for a report, "
        "endless to Kinesis)",
    )
    add("--duration", type=_seconds, metavar="S", help="stop after S seconds (to a file: of simulated time)")
    add(
        "--rate",
        type=_rate,
        metavar="R",
        help=f"records a second, or 'max' (default: the scenario's, else {DEFAULT_RATE:g})",
    )
    add("--load-curve", "--profile", choices=tuple(LOAD_CURVES),
        help=f"how the rate changes over time (default {Scenario.load_curve})")  # fmt: skip
    add("--start", type=_time, metavar="TIME", help="time of the first event (to a file: 2026-01-01, else now)")
    add("--seed", type=int, default=DEFAULT_SEED, metavar="S", help="fixes the users and, with --start, their actions")


def _add_content(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("what").add_argument
    add("--scenario", type=load_scenario, metavar="NAME|FILE", help=f"one of {', '.join(packaged())}, or a TOML file")
    add("--episode", type=episode_of, action="append", default=[], metavar="KIND[@START[+LENGTH]]",
        help=f"{', '.join(KINDS)}; seconds into the run; may be repeated")  # fmt: skip
    add("--users", type=_count, metavar="N", help=f"number of users (default {Scenario.users})")
    add(
        "--dirt",
        type=_share,
        metavar="SHARE",
        help="share of all records that are duplicates, late, malformed or unusual (default: the scenario's)",
    )
    add(
        "--deletions",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="share of all records that delete an earlier item",
    )
    add("--edits", type=_share, default=0.0, metavar="SHARE", help="share of all records that edit a text")
    add("--texts", type=Path, metavar="FILE", help="take half of the posts from a CSV with the columns text,label")
    add("--input", type=Path, metavar="FILE", help="send FILE's records unchanged, one a line (- : standard input)")
    add("--input-format", choices=("records", "seed"), default="records",
        help="seed: translate records with id, post, comment, interactions, users, timestamp")  # fmt: skip
    add("--resend", type=Path, metavar="FILE", help="put the ledger's records again whose sequence numbers FILE lists")
    add("--report", type=Path, metavar="DIR", help="write statistics and plots of simulated records; sends nothing")


def _add_destination(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("where").add_argument
    add("--out", default="-", metavar="OUT", help="FILE, - (standard output, the default) or kinesis:STREAM")
    add(
        "--endpoint-url",
        metavar="URL",
        help="endpoint of Kinesis (default: AWS_ENDPOINT_URL_KINESIS, else AWS_ENDPOINT_URL, else AWS)",
    )
    add("--region", metavar="R", help="AWS region (default: AWS_REGION, else AWS_DEFAULT_REGION)")
    add("--shard-limits", action=argparse.BooleanOptionalAction,
        help="send a shard at most 1000 records and 1 MB a second (default: only without endpoint URL)")  # fmt: skip
    add(
        "--workers",
        type=_count,
        default=DEFAULT_WORKERS,
        metavar="N",
        help=f"number of puts at the same time (default {DEFAULT_WORKERS})",
    )


def _add_ledger(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("ledger and status").add_argument
    add("--ledger", type=Path, metavar="DIR", help="write every record that is sent into a ledger, for the audit")
    add(
        "--keep-outbox",
        type=_seconds,
        default=DEFAULT_KEEP_OUTBOX,
        metavar="S",
        help=f"keep the bytes of sent records in the ledger for S seconds (default {DEFAULT_KEEP_OUTBOX:g})",
    )
    add("--status-file", type=Path, metavar="FILE",
        help="rewrite FILE each second with the counts (default with Kinesis: a line on standard output)")  # fmt: skip

"""Settings of one run, built once from (argv, environ) and checked here."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from connectors.errors import UsageError

SOURCES = ("bluesky", "mastodon", "rss", "hackernews", "reddit", "youtube", "file")
# Credentials come from the environment alone: a list of processes would show options.
CREDENTIALS = (
    "MASTODON_ACCESS_TOKEN",
    "REDDIT_CLIENT_ID",
    "REDDIT_CLIENT_SECRET",
    "YOUTUBE_API_KEY",
)
MAPPED = ("text", "user_id", "event_time", "id", "post_id", "lang")

EXAMPLES = """\
examples:
  moodstream connect bluesky --limit 20                      twenty events on standard output; needs no account
  moodstream connect bluesky --stream moodstream-events --cursor bluesky.cursor
  moodstream connect mastodon --endpoint https://mastodon.social --out toots.jsonl --seconds 60
  moodstream connect rss https://example.org/feed.xml --stream moodstream-events
  moodstream connect reddit python datascience --stream moodstream-events
  moodstream connect youtube VIDEO_ID --out comments.jsonl --json
  moodstream connect file reviews.csv --map text=body,user_id=author,event_time=created --preview

credentials, by environment variables only:
  MASTODON_ACCESS_TOKEN                      mastodon, where the server demands one
  REDDIT_CLIENT_ID, REDDIT_CLIENT_SECRET     reddit
  YOUTUBE_API_KEY                            youtube
  AWS_...                                    as every AWS client reads them (stream, cursor in S3, metrics)
"""


@dataclass(frozen=True)
class Settings:
    """Everything a run depends on. Durations are seconds."""

    source: str
    items: tuple[str, ...]  # what to read there: feeds, subreddits, videos, a file
    endpoint: str | None
    stream: str | None
    kinesis_endpoint: str | None
    region: str | None
    out: Path | None  # without stream or out: standard output
    cursor: str | None
    rate: float | None  # events a second; None: as they come
    limit: int | None
    seconds: float | None
    poll: float | None  # None: as the source prefers
    mapping: Mapping[str, str]
    encoding: str | None
    preview: bool
    ledger: Path | None
    status_file: Path | None
    metrics_namespace: str | None
    json: bool
    credentials: Mapping[str, str] = field(repr=False)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise UsageError(f"{message} (see --help)")


def from_arguments(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Build the settings, or raise UsageError with one line that says what is wrong."""
    given = _parser().parse_args(list(argv))
    if given.stream is not None and given.out is not None:
        raise UsageError(f"--stream {given.stream} and --out {given.out} exclude each other")
    if given.mapping and given.source != "file":
        raise UsageError(f"--map belongs to source file, received it with {given.source}")
    return Settings(
        source=given.source,
        items=tuple(given.items),
        endpoint=given.endpoint,
        stream=given.stream,
        kinesis_endpoint=given.kinesis_endpoint,
        region=given.region,
        out=None if given.stream is not None or given.out in (None, "-") else Path(given.out),
        cursor=given.cursor,
        rate=given.rate,
        limit=given.limit,
        seconds=given.seconds,
        poll=given.poll,
        mapping=given.mapping,
        encoding=given.encoding,
        preview=given.preview,
        ledger=given.ledger,
        status_file=given.status_file,
        metrics_namespace=given.metrics_namespace,
        json=given.json,
        credentials={name: environ[name] for name in CREDENTIALS if environ.get(name)},
    )


def _number(expected: str, kind: type[float] | type[int]) -> Callable[[str], float]:
    """A converter for argparse whose error says what was received and what was expected."""

    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"received '{text}', expected {expected}")
        return value

    return convert


def _stream(text: str) -> str:
    name = text.removeprefix("kinesis:")
    if not name:
        raise argparse.ArgumentTypeError(f"received '{text}', expected the name of a Kinesis stream")
    return name


def _mapping(text: str) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for pair in text.split(","):
        name, separator, column = (part.strip() for part in pair.partition("="))
        if not separator or not column or name not in MAPPED:
            raise argparse.ArgumentTypeError(
                f"received '{pair}', expected FIELD=COLUMN with FIELD of {', '.join(MAPPED)}"
            )
        mapping[name] = column
    return mapping


def _parser() -> Parser:
    parser = Parser(
        "moodstream connect",
        description="Read a real source, with its edits and deletions, and write events of the contract.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", choices=SOURCES, metavar="SOURCE", help=", ".join(SOURCES))
    what = "what to read there: feeds (rss), hashtags (mastodon), subreddits, videos, a file"
    parser.add_argument("items", nargs="*", metavar="ITEM", help=what)
    _add_where(parser)
    _add_how_much(parser)
    _add_told(parser)
    return parser


def _add_where(parser: Parser) -> None:
    add = parser.add_argument_group("from where and to where").add_argument
    add("--endpoint", metavar="URL", help="address of the source (default: the public one)")
    add("--stream", type=_stream, metavar="NAME", help="put each event into this Kinesis stream")
    add("--out", metavar="FILE", help="write one event a line to FILE, or - (standard output, the default)")
    add("--cursor", metavar="FILE", help="FILE or s3://BUCKET/KEY: go on from there, and write how far was delivered")
    add("--kinesis-endpoint", metavar="URL", help="(default AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL, AWS itself)")
    add("--region", metavar="R", help="(default AWS_REGION, AWS_DEFAULT_REGION)")
    add("--map", dest="mapping", type=_mapping, default={}, metavar="FIELD=COLUMN,...",
        help=f"which column of the file is which field: {', '.join(MAPPED)}")  # fmt: skip
    add("--encoding", metavar="NAME", help="of the file (default: found out)")


def _add_how_much(parser: Parser) -> None:
    add = parser.add_argument_group("how much").add_argument
    add("--rate", type=_number("events a second above 0", float), metavar="R", help="at most R events a second")
    add("--limit", type=_number("a whole number above 0", int), metavar="N", help="stop after N events")
    add("--seconds", type=_number("seconds above 0", float), metavar="N", help="stop after N seconds")
    add("--poll", type=_number("seconds above 0", float), metavar="S", help="seconds between two polls of a source")
    add("--preview", action="store_true", help="show the first five events and what became of the others, send nothing")


def _add_told(parser: Parser) -> None:
    add = parser.add_argument_group("what is told about it").add_argument
    add("--json", action="store_true", help="print the counts as one JSON object, the last line of standard output")
    add("--ledger", type=Path, metavar="DIR", help="write down what is sent, for the audit")
    add("--status-file", type=Path, metavar="FILE", help="rewrite FILE each second with the counts")
    add("--metrics-namespace", metavar="NAME",
        help="send rate, lag and reconnects once a minute to this namespace of CloudWatch")  # fmt: skip

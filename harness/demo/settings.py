"""The options of `moodstream demo`, checked once, before anything starts."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.settings import SOURCES
from deploy.local import ports
from deploy.local.errors import UsageError
from deploy.local.workdir import DEFAULT
from generator.errors import UsageError as GeneratorError
from generator.scenario import load_scenario
from harness.arguments import Parser, number
from harness.demo import reach

EXAMPLES = """examples:
  moodstream demo                                   until Ctrl-C, with dashboard, Spark UI and MLflow UI
  moodstream demo --seconds 60 --rate 1000 --headless --json
  moodstream demo --input records.jsonl --rate 200  send each line of a file as it is
  moodstream demo --scenario outage                 a story: an outage turns the sentiment, and alerts follow
  moodstream demo --connect bluesky                 what Bluesky's users write now, with edits and deletions
  moodstream demo --stop                            stop what a killed demo left running
"""


@dataclass(frozen=True)
class DemoSettings:
    """Options of one demo. `seconds` None: until it is stopped, or the input ends."""

    workdir: str
    seconds: float | None
    rate: float | None  # None: 200 records a second of the generator, or whatever a source brings
    input: Path | None
    scenario: str | None
    deletions: float
    edits: float
    connect: tuple[str, ...] | None
    connect_endpoint: str | None
    headless: bool
    json: bool
    stop: bool
    seed: int
    shards: int
    cores: int
    connector: str
    jars: tuple[str, ...]
    dashboard_port: int | None
    mlflow_port: int | None
    spark_port: int | None


def from_arguments(argv: Sequence[str], environ: Mapping[str, str]) -> DemoSettings:  # noqa: ARG001 - the form of every parser
    """Build the settings; raises UsageError with the option, what was received and what was expected."""
    given = vars(_parser().parse_args(list(argv)))
    settings = DemoSettings(**given)
    _check_input(settings.input)
    _check_source(settings)
    _check_scenario(settings.scenario)
    if settings.input and settings.scenario:
        raise UsageError("--scenario: a file is sent as it is; leave out --input or --scenario")
    for jar in settings.jars:
        if not Path(jar).is_file():
            raise UsageError(f"--jars: '{jar}' is no file")
    if settings.connector == "aws" and not settings.jars:
        raise UsageError("--kinesis-connector aws: the awslabs jar is on no registry; name it with --jars PATH")
    for option in ("dashboard_port", "mlflow_port", "spark_port"):
        if given[option] is not None and not settings.stop:
            ports.demanded(f"--{option.replace('_', '-')}", given[option])
    return settings


def _check_source(settings: DemoSettings) -> None:
    """Refuse a real source that is combined with another one, unknown, or out of reach."""
    if settings.connect is None:
        if settings.connect_endpoint:
            raise UsageError("--connect-endpoint: name the source too, with --connect SOURCE")
        return
    if settings.input or settings.scenario or settings.deletions or settings.edits:
        raise UsageError(
            "--connect: the records come from the source; leave out --input, --scenario, --deletions and --edits"
        )
    reach.check(settings.connect[0], settings.connect_endpoint)


def _check_input(path: Path | None) -> None:
    if path is None:
        return
    try:
        if path.is_dir():
            raise UsageError(f"--input: '{path}' is a folder, expected a file of records, one a line")
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise UsageError(f"--input: cannot read '{path}': {error.strerror}") from error


def _check_scenario(name: str | None) -> None:
    """Read it, as the generator will once everything else has started."""
    if name is None:
        return
    try:
        load_scenario(name)
    except GeneratorError as error:
        raise UsageError(str(error)) from error


def _parser() -> Parser:
    parser = Parser(
        "moodstream demo",
        "Run the whole system on this machine: generator, stream, job, warehouse, web pages.",
        EXAMPLES,
    )
    add = parser.add_argument
    seconds = number(0, 10_000_000, "seconds above 0")
    port = number(0, 65_535, "a port from 1 to 65535", int)
    add("--seconds", type=seconds, metavar="N", help="send for N seconds, then drain, audit and exit")
    add("--rate", type=number(0, 1e6, "records a second above 0"), metavar="R",
        help="records a second (default 200; with --connect: as they come)")  # fmt: skip
    add("--input", type=Path, metavar="FILE", help="send each line of FILE as it is, then drain, audit and exit")
    add("--scenario", metavar="NAME", help="let the mock platform tell a story: calm, launch, outage, raid, ...")
    share = number(-1e-9, 1, "a share from 0 to 1")
    add("--deletions", type=share, default=0.0, metavar="SHARE", help="share of records that delete an earlier item")
    add("--edits", type=share, default=0.0, metavar="SHARE", help="share of records that edit an earlier text")
    add("--connect", type=_source, metavar="SOURCE", help="stream a real source, e.g. bluesky, or 'rss URL'")
    add("--connect-endpoint", metavar="URL", help="its address (default: the public one)")
    add("--headless", action="store_true", help="do not start the web pages")
    add(
        "--workdir",
        default=DEFAULT,
        metavar="DIR",
        help=f"working directory, which keeps everything (default ./{DEFAULT})",
    )
    add("--json", action="store_true", help="print one JSON object on standard output")
    add("--seed", type=int, default=1, metavar="S", help="seed of the mock platform's users and events (default 1)")
    add("--shards", type=number(0, 64, "a whole number from 1 to 64", int), default=2, metavar="N",
        help="shards of the stream in a new working directory (default 2)")  # fmt: skip
    add("--cores", type=number(0, 512, "a whole number above 0", int), default=4, metavar="N",
        help="threads of Spark (default 4, for 2 cores)")  # fmt: skip
    add("--kinesis-connector", dest="connector", choices=("qubole", "aws"), default="qubole",
        help="aws: the awslabs connector, as on EMR and Glue")  # fmt: skip
    add("--jars", type=_paths, default=(), metavar="PATHS", help="further jars for Spark, separated by commas")
    for page in ("dashboard", "mlflow", "spark"):
        add(f"--{page}-port", type=port, metavar="PORT", help=f"port of the {page} page (default: a free one)")
    add("--stop", action="store_true", help="stop what runs in the working directory, and exit")
    return parser


def _source(text: str) -> tuple[str, ...]:
    """A source and what to read there, as `moodstream connect` takes them."""
    words = tuple(text.split())
    if not words or words[0] not in SOURCES:
        raise argparse.ArgumentTypeError(f"received '{text}', expected one of {', '.join(SOURCES)}")
    return words


def _paths(text: str) -> tuple[str, ...]:
    return tuple(path for path in text.split(",") if path)

"""The settings of the streaming application, read once from the command line and the environment.

Each option `--some-name` may also come from the environment as `MOODSTREAM_SOME_NAME`; the option wins.
Secrets come from the environment alone, so that no process listing shows them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from streaming import mlflow_address
from streaming.errors import SettingsError
from streaming.fencing import Token
from streaming.logs import FORMATS
from streaming.options import Group, Parser

HOPS = ("ingest", "refine", "aggregate", "upsert", "load", "serve", "retract", "observe", "watch")
CONNECTORS = ("aws", "qubole")
WAREHOUSES = ("postgresql", "redshift")

POSITIONS = ("TRIM_HORIZON", "LATEST")

EXAMPLES = """  python -m streaming --lake /tmp/lake --stream events --kinesis-endpoint http://127.0.0.1:4566
  spark-submit deploy/spark_job.py --lake s3a://my-lake --stream events --kinesis-connector aws \\
      --mlflow-uri https://mlflow.example.com --warehouse redshift://workgroup/dev
  python -m streaming --lake s3a://my-lake --stream events --hops ingest,refine
"""


@dataclass(frozen=True)
class Settings:
    """One immutable description of a run. Times are in seconds unless the name says otherwise."""

    lake: str
    checkpoints: str
    stream: str
    region: str = "us-east-1"
    kinesis_connector: str = "qubole"
    kinesis_endpoint: str | None = None
    starting_position: str = "TRIM_HORIZON"
    mlflow_uri: str | None = None
    model_name: str = "moodstream-sentiment"
    warehouse: str | None = None
    warehouse_password: str | None = field(default=None, repr=False)
    staging: str | None = None
    warehouse_role: str | None = None
    alerts_topic: str | None = None
    metrics_namespace: str | None = None
    otlp_endpoint: str | None = None
    log_format: str = "text"
    openlineage_endpoint: str | None = None
    openlineage_api_key: str | None = field(default=None, repr=False)
    aws_endpoint: str | None = None
    hops: tuple[str, ...] = HOPS
    ingest_trigger: float = 1.0
    refine_trigger: float = 0.25
    aggregate_trigger: float = 10.0
    upsert_interval: float = 5.0
    load_trigger: float = 1.5
    serve_interval: float = 5.0
    retract_interval: float = 30.0
    forget_edits: bool = False
    observe_interval: float = 10.0
    watch_interval: float = 10.0
    shadow_share: float = 0.1
    drift_share: float = 0.1
    duplicate_window: str = "24 hours"
    max_files_per_batch: int = 1000
    max_mb_per_batch: int = 32
    log_kept: int | None = None
    status_file: str | None = None
    core_hour_usd: float | None = None
    local_cores: int | None = None
    ui: bool = False
    jars: tuple[str, ...] = ()
    lease_seconds: float = 30.0
    # Not an option: the job puts it in once it owns the lake. Commands beside the job write without one.
    token: Token | None = None

    def table(self, name: str) -> str:
        """The path of a Delta table, `silver/posts` say."""
        return f"{self.lake}/{name}"

    def checkpoint(self, hop: str) -> str:
        """The folder that belongs to one hop's checkpoint."""
        return f"{self.checkpoints}/{hop}"


DEFAULTS: Mapping[str, Any] = {each.name: each.default for each in fields(Settings) if each.default is not MISSING}


def from_command_line(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Build the settings; raises SettingsError with the option, what was received and what was expected."""
    given = vars(_parser(environ).parse_args(list(argv)))
    del given["origins"]
    lake = _without_slash(given.pop("lake"))
    checkpoints = _without_slash(given.pop("checkpoints") or f"{lake}/_checkpoints")
    settings = Settings(
        lake=lake,
        checkpoints=checkpoints,
        warehouse_password=environ.get("MOODSTREAM_WAREHOUSE_PASSWORD"),
        openlineage_api_key=environ.get("MOODSTREAM_OPENLINEAGE_API_KEY"),
        **given,
    )
    _check(settings)
    return settings


def add_setting(
    parser: Parser, group: Group, environ: Mapping[str, str], name: str, meaning: str, variable: str = "", **how: Any
) -> None:
    """Add the option of the field `name` of Settings to `group`, an option group of `parser`.

    What the option leaves out comes from `MOODSTREAM_NAME`, then from `variable`, then from the field's own default.
    """
    variables = (f"MOODSTREAM_{name.upper()}", *([variable] if variable else []))
    parser.add_setting(group, environ, name, variables, help=meaning, default=DEFAULTS.get(name), **how)


def _parser(environ: Mapping[str, str]) -> Parser:
    parser = Parser(
        "stream", "Run the streaming job: Kinesis to bronze, silver and gold, warehouse and alerts.", EXAMPLES
    )
    setting = partial(add_setting, parser, parser, environ)
    setting("lake", "folder or s3a:// URL of the Delta tables", required=True)
    setting("checkpoints", "folder or URL of the checkpoints (default: LAKE/_checkpoints)")
    setting("stream", "name of the Kinesis stream", required=True)
    setting("region", "AWS region", "AWS_REGION")
    setting("kinesis_connector", "aws on EMR and Glue", choices=CONNECTORS)
    setting("kinesis_endpoint", "only for an emulator", "AWS_ENDPOINT_URL")
    setting("starting_position", "where to begin without a checkpoint", choices=POSITIONS)
    setting("mlflow_uri", "tracking server and registry; a SageMaker MLflow by its ARN", "MLFLOW_TRACKING_URI")
    setting("model_name", "registered model with alias champion")
    setting(
        "warehouse",
        "postgresql://USER@HOST:PORT/DB, redshift://WORKGROUP/DB or redshift://USER@CLUSTER/DB; none: no load",
    )
    setting("staging", "s3:// prefix for files that Redshift copies")
    setting("warehouse_role", "IAM role that Redshift assumes to read the staging prefix")
    setting("alerts_topic", "ARN of the SNS topic for alerts")
    setting("metrics_namespace", "CloudWatch namespace; none: metrics go to the log only")
    setting(
        "otlp_endpoint", "http(s):// base URL of an OpenTelemetry collector", "OTEL_EXPORTER_OTLP_ENDPOINT", type=_url
    )
    setting(
        "openlineage_endpoint", "http(s):// base URL of a catalog that takes OpenLineage, such as Marquez", type=_url
    )
    setting("log_format", "form of the job's log: json for one object a line", choices=FORMATS)
    setting("aws_endpoint", "only for an emulator", "AWS_ENDPOINT_URL")
    setting("hops", f"which to run, of {','.join(HOPS)}", type=_hops)
    for hop in ("ingest", "refine", "aggregate", "load"):
        setting(f"{hop}_trigger", f"time between {hop} batches", type=_positive, metavar="SECONDS")
    for hop in ("upsert", "serve", "retract", "observe", "watch"):
        setting(f"{hop}_interval", f"time between {hop} rounds", type=_positive, metavar="SECONDS")
    share = "share of the texts, 0 to 1, {} (default: %(default)s)"
    setting("shadow_share", share.format("that the challenger scores too"), type=_share, metavar="SHARE")
    setting("drift_share", share.format("from which drift is measured"), type=_share, metavar="SHARE")
    setting("duplicate_window", "how far apart, by arrival, copies of an event are recognised")
    setting("max_files_per_batch", "files of a table that a batch takes at most when the job catches up", type=_from(1))
    setting(
        "max_mb_per_batch",
        "megabytes of a table's files that a batch takes at most when the job catches up (a megabyte of bronze has "
        "about 10,000 records); smaller ones let the layers work side by side",
        type=_from(1),
        metavar="MB",
    )
    setting(
        "log_kept",
        "versions that stay in the logs of the tables once they are read, at least 100 (100, of gold 500, on S3 1000)",
        type=_from(100),
        metavar="N",
    )
    setting("status_file", "JSON file with the state of every hop, rewritten each second")
    setting(
        "core_hour_usd",
        "price of a core with its memory for an hour, for gold/cost_by_minute; none: no price is shown",
        type=_price,
        metavar="USD",
    )
    setting("local_cores", "run Spark in this process with N cores (without spark-submit)", type=int, metavar="N")
    setting(
        "lease_seconds",
        "a job that shows no sign of life for so long is dead: the next one takes the lake over",
        type=_positive,
        metavar="SECONDS",
    )
    setting("jars", "jars for a local run, separated by commas", type=_paths)
    parser.add_argument(
        "--forget-edits", action="store_true", help="keep no former version of an edited text (silver/former_versions)"
    )
    parser.add_argument("--ui", action="store_true", help="serve the Spark UI in a local run")
    return parser


def _hops(text: str) -> tuple[str, ...]:
    hops = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in hops if name not in HOPS]
    if unknown or not hops:
        raise argparse.ArgumentTypeError(f"received '{text}', expected a list of {', '.join(HOPS)}")
    return hops


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"received '{text}', expected a URL such as http://127.0.0.1:4318")
    return text


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 86_400:
        raise argparse.ArgumentTypeError(f"received '{text}', expected seconds between 0 and 86400")
    return number


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"received '{text}', expected a share from 0 to 1")
    return number


def _from(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"received '{text}', expected a whole number from {least} on")
        return int(text)

    return whole


def _price(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1000:
        raise argparse.ArgumentTypeError(f"received '{text}', expected US dollars from 0 to 1000, such as 0.0671")
    return number


def _paths(text: str) -> tuple[str, ...]:
    return tuple(path for path in text.split(",") if path)


def _without_slash(path: str) -> str:
    return path.rstrip("/") or "/"


def _check(settings: Settings) -> None:
    mlflow_address.check(settings.mlflow_uri)
    if settings.warehouse is None:
        return
    scheme = urlsplit(settings.warehouse).scheme
    if scheme not in WAREHOUSES:
        raise SettingsError(
            f"--warehouse: received '{scheme or settings.warehouse}', expected a URL that begins with "
            + " or ".join(f"{name}://" for name in WAREHOUSES)
        )
    if urlsplit(settings.warehouse).password:
        raise SettingsError("--warehouse: put no password into the URL; set MOODSTREAM_WAREHOUSE_PASSWORD instead")
    if scheme == "redshift" and not settings.staging:
        raise SettingsError("--staging: missing; Redshift loads need an s3:// prefix for staged files")

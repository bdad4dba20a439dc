"""Everything the streaming application can be told, read once from the command line and the environment.

Each option `--some-name` may also come from the environment as `MOODSTREAM_SOME_NAME`; the option wins.
Secrets come from the environment alone, so that no process listing shows them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import urlsplit

from streaming.errors import SettingsError

HOPS = ("ingest", "refine", "aggregate", "load", "serve", "observe", "watch")
CONNECTORS = ("aws", "qubole")
WAREHOUSES = ("postgresql", "redshift")

EPILOG = """examples:
  python -m streaming --lake /tmp/lake --stream events --kinesis-endpoint http://127.0.0.1:4566
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
    aws_endpoint: str | None = None
    hops: tuple[str, ...] = HOPS
    ingest_trigger: float = 0.5
    refine_trigger: float = 0.5
    aggregate_trigger: float = 5.0
    load_trigger: float = 3.0
    serve_interval: float = 5.0
    observe_interval: float = 10.0
    watch_interval: float = 10.0
    shadow_share: float = 0.1
    drift_share: float = 0.1
    duplicate_window: str = "24 hours"
    max_files_per_batch: int = 1000
    status_file: str | None = None
    local_cores: int | None = None
    ui: bool = False
    jars: tuple[str, ...] = ()

    def table(self, name: str) -> str:
        """The path of a Delta table, `silver/posts` say."""
        return f"{self.lake}/{name}"

    def checkpoint(self, hop: str) -> str:
        """The folder that belongs to one hop's checkpoint."""
        return f"{self.checkpoints}/{hop}"


def from_command_line(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Build the settings; raises SettingsError with the option, what was received and what was expected."""
    given = vars(_parser(environ).parse_args(list(argv)))
    lake = _without_slash(given.pop("lake"))
    checkpoints = _without_slash(given.pop("checkpoints") or f"{lake}/_checkpoints")
    settings = Settings(
        lake=lake,
        checkpoints=checkpoints,
        warehouse_password=environ.get("MOODSTREAM_WAREHOUSE_PASSWORD"),
        **given,
    )
    _check(settings)
    return settings


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are SettingsErrors, so that one place chooses exit codes."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message} (see --help)")


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="moodstream stream",
        description="Run the streaming job: Kinesis to bronze, silver and gold, warehouse and alerts.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def option(flag: str, default: object = None, **how: object) -> None:
        name = "MOODSTREAM_" + flag.strip("-").replace("-", "_").upper()
        fallback = environ.get(name, default)
        if how.get("required") and fallback is not None:
            how["required"] = False
        parser.add_argument(flag, default=fallback, **how)  # type: ignore[arg-type]

    option("--lake", required=True, help="folder or s3a:// URL of the Delta tables")
    option("--checkpoints", help="folder or URL of the checkpoints (default: LAKE/_checkpoints)")
    option("--stream", required=True, help="name of the Kinesis stream")
    option("--region", environ.get("AWS_REGION", "us-east-1"), help="AWS region")
    option("--kinesis-connector", "qubole", choices=CONNECTORS, help="aws on EMR and Glue")
    option("--kinesis-endpoint", environ.get("AWS_ENDPOINT_URL"), help="only for an emulator")
    option(
        "--starting-position",
        "TRIM_HORIZON",
        choices=("TRIM_HORIZON", "LATEST"),
        help="without a checkpoint",
    )
    option("--mlflow-uri", environ.get("MLFLOW_TRACKING_URI"), help="tracking server and registry")
    option("--model-name", "moodstream-sentiment", help="registered model with alias champion")
    option(
        "--warehouse",
        help="postgresql://USER@HOST:PORT/DB, redshift://WORKGROUP/DB or redshift://USER@CLUSTER/DB; none: no load",
    )
    option("--staging", help="s3:// prefix for files that Redshift copies")
    option("--warehouse-role", help="IAM role that Redshift assumes to read the staging prefix")
    option("--alerts-topic", help="ARN of the SNS topic for alerts")
    option("--metrics-namespace", help="CloudWatch namespace; none: metrics go to the log only")
    option("--aws-endpoint", environ.get("AWS_ENDPOINT_URL"), help="only for an emulator")
    option("--hops", ",".join(HOPS), type=_hops, help=f"which to run, of {','.join(HOPS)}")
    for hop, seconds in (("ingest", 0.5), ("refine", 0.5), ("aggregate", 5.0), ("load", 3.0)):
        option(
            f"--{hop}-trigger",
            seconds,
            type=_positive,
            metavar="SECONDS",
            help=f"time between {hop} batches",
        )
    for hop, seconds in (("serve", 5.0), ("observe", 10.0), ("watch", 10.0)):
        option(
            f"--{hop}-interval",
            seconds,
            type=_positive,
            metavar="SECONDS",
            help=f"time between {hop} rounds",
        )
    option(
        "--shadow-share",
        0.1,
        type=_share,
        metavar="SHARE",
        help="share of the texts that the challenger scores too, 0 to 1 (default: 0.1)",
    )
    option(
        "--drift-share",
        0.1,
        type=_share,
        metavar="SHARE",
        help="share of the texts that drift is told by, 0 to 1 (default: 0.1)",
    )
    option(
        "--duplicate-window",
        "24 hours",
        help="how far apart, by arrival, copies of an event are recognised",
    )
    option(
        "--max-files-per-batch",
        1000,
        type=int,
        help="bound on what one batch takes when catching up",
    )
    option("--status-file", help="JSON file that tells the state of every hop, rewritten each second")
    option(
        "--local-cores",
        None,
        type=int,
        help="run Spark in this process with N cores (without spark-submit)",
    )
    option("--jars", "", type=_paths, help="jars for a local run, separated by commas")
    parser.add_argument("--ui", action="store_true", help="serve the Spark UI in a local run")
    return parser


def _hops(text: str) -> tuple[str, ...]:
    hops = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in hops if name not in HOPS]
    if unknown or not hops:
        raise argparse.ArgumentTypeError(f"received '{text}', expected a list of {', '.join(HOPS)}")
    return hops


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


def _paths(text: str) -> tuple[str, ...]:
    return tuple(path for path in text.split(",") if path)


def _without_slash(path: str) -> str:
    return path.rstrip("/") or "/"


def _check(settings: Settings) -> None:
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

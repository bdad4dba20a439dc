"""What the operations' commands share: the options that locate the lake, and how a result is printed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from deltalake.exceptions import DeltaError, TableNotFoundError

from streaming import mlflow_address
from streaming.errors import OperationFailed, SettingsError
from streaming.files import NO_CREDENTIALS, lacks_credentials
from streaming.options import DEFAULT, OPTION, Parser
from streaming.settings import Settings, add_setting

DEFAULT_WORKDIR = "moodstream-demo"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """The result of a command: `report` for programs, `lines` for people, and the exit code."""

    report: Mapping[str, Any]
    lines: Sequence[str] = field(default=())
    code: int = 0


Act = Callable[[Settings, argparse.Namespace, Progress], Outcome]


def add_place(parser: Parser, environ: Mapping[str, str]) -> None:
    """Add the options that locate lake, warehouse and registry; `MOODSTREAM_...` variables stand in for them."""
    place = parser.add_argument_group("where", "a demo's working directory, or a lake of its own")

    setting = partial(add_setting, parser, place, environ)
    setting("workdir", f"working directory of a demo (default: {DEFAULT_WORKDIR})")
    setting("lake", "folder or s3a:// URL of the Delta tables; instead of --workdir")
    setting("checkpoints", "folder or URL of the job's checkpoints (default: LAKE/_checkpoints)")
    setting("warehouse", "postgresql://user@host:port/db or redshift://workgroup-or-cluster/db")
    setting("staging", "s3:// prefix for files that Redshift copies")
    setting("warehouse_role", "IAM role that Redshift assumes to read the staging prefix")
    setting("mlflow_uri", "tracking server and registry; a SageMaker MLflow by its ARN", "MLFLOW_TRACKING_URI")
    setting("model_name", "registered model")
    setting("region", "AWS region", "AWS_REGION")
    setting("aws_endpoint", "only for an emulator", "AWS_ENDPOINT_URL")
    place.add_argument("--no-warehouse", action="store_true", help="do not read or change the warehouse")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")


def run(
    parser: Parser,
    act: Act,
    argv: Sequence[str],
    environ: Mapping[str, str],
    lakeless: Callable[[argparse.Namespace], bool] = lambda _: False,
) -> int:
    """Parse the options, run `act`, print its outcome; returns the exit code. Raises StreamingError.

    `lakeless`: whether these options ask for something that needs no lake. Errors of Delta and of the file system
    become SettingsError or OperationFailed.
    """
    options = parser.parse_args(list(argv))
    try:
        place = _nowhere(options) if lakeless(options) else settings(options, environ, _progress)
        outcome = act(place, options, _progress)
    except TableNotFoundError as error:
        raise SettingsError(f"the lake lacks a table, so the job has never run here: {error}") from error
    except (DeltaError, OSError) as error:
        if lacks_credentials(error):
            raise SettingsError(NO_CREDENTIALS) from error
        raise OperationFailed(str(error) or type(error).__name__) from error
    text = json.dumps(outcome.report, default=str) if options.json else "\n".join(outcome.lines)
    sys.stdout.write(text + "\n" if text else "")
    return outcome.code


# What belongs to one lake: where the lake itself comes from the command line, a variable meant another one.
OF_ONE_LAKE = ("checkpoints", "warehouse", "staging", "warehouse_role")


def settings(options: argparse.Namespace, environ: Mapping[str, str], progress: Progress) -> Settings:
    """The settings that the options name; raises SettingsError where there is no lake.

    An option wins over a variable, and a variable over a default, across settings too: `--workdir` names lake,
    checkpoints, warehouse and registry, so that variables that name one of these no longer count. `progress` is told
    which.
    """
    found = _place(options, environ, progress)
    lake = _bare(str(found["lake"]))
    if "://" not in lake and not Path(lake).is_dir():
        raise SettingsError(f"--lake: there is no folder '{lake}'")
    warehouse = None if options.no_warehouse else found.get("warehouse")
    mlflow_address.check(found.get("mlflow_uri"))
    return Settings(
        lake=lake,
        checkpoints=_bare(found.get("checkpoints") or f"{lake}/_checkpoints"),
        stream="",
        region=options.region,
        kinesis_endpoint=found.get("kinesis_endpoint"),
        mlflow_uri=found.get("mlflow_uri"),
        model_name=options.model_name,
        warehouse=warehouse,
        warehouse_password=found.get("password"),
        staging=found.get("staging"),
        warehouse_role=found.get("warehouse_role"),
        aws_endpoint=options.aws_endpoint,
    )


def _nowhere(options: argparse.Namespace) -> Settings:
    """Only how to reach AWS."""
    return Settings(lake="", checkpoints="", stream="", region=options.region, aws_endpoint=options.aws_endpoint)


def _place(options: argparse.Namespace, environ: Mapping[str, str], progress: Progress) -> dict[str, str | None]:
    """Lake, checkpoints, warehouse with its password, and registry, each from where the user named it last."""
    origins: Mapping[str, str] = options.origins
    if origins["lake"] == origins["workdir"] == OPTION:
        raise SettingsError("--lake and --workdir: received both, expected one of them: they name two lakes")
    ignored = _ignored(options, environ)
    named = {name: getattr(options, name) for name in ("lake", *OF_ONE_LAKE, "mlflow_uri") if name not in ignored}
    named = {name: value for name, value in named.items() if value}
    for name, meant in ignored.items():
        progress(f"{origins[name]} does not count here: it belongs to {meant}")
    found = {} if "lake" in named else _workdir(options)
    password = environ.get("MOODSTREAM_WAREHOUSE_PASSWORD")
    if password is not None and ("warehouse" in named or "password" not in found):
        found["password"] = password
    return {**found, **named}


def _ignored(options: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    """The settings whose variable does not count, each with what the variable belongs to."""
    origins: Mapping[str, str] = options.origins
    candidates: tuple[str, ...]
    if origins["workdir"] == OPTION:
        meant, candidates = "another place than --workdir", ("lake", *OF_ONE_LAKE, "mlflow_uri")
    elif origins["lake"] == OPTION and _bare(environ.get("MOODSTREAM_LAKE", options.lake)) != _bare(options.lake):
        meant, candidates = "MOODSTREAM_LAKE, not to --lake", OF_ONE_LAKE
    else:
        return {}
    return {name: meant for name in candidates if origins[name] not in (OPTION, DEFAULT)}


def _workdir(options: argparse.Namespace) -> dict[str, str | None]:
    """The settings of a demo's working directory: its folders, and the endpoints in its `stack.json`."""
    root = Path(options.workdir or DEFAULT_WORKDIR).absolute()
    if not (root / "lake").is_dir():
        raise SettingsError(
            f"--workdir: '{options.workdir or DEFAULT_WORKDIR}' holds no lake; run a demo or name --lake"
        )
    found: dict[str, str | None] = {"lake": str(root / "lake"), "checkpoints": str(root / "checkpoints")}
    if (root / "stack.json").is_file():
        stack = json.loads((root / "stack.json").read_text())
        named = {
            "warehouse": stack.get("warehouse"),
            "mlflow_uri": stack.get("mlflow"),
            "kinesis_endpoint": stack.get("aws"),
        }
        found |= {name: value for name, value in named.items() if value}
    if (root / "postgres" / "password").is_file():
        found["password"] = (root / "postgres" / "password").read_text()
    return found


def _bare(path: str) -> str:
    return path.rstrip("/") or "/"


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()

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

from streaming.errors import OperationFailed, SettingsError
from streaming.settings import Parser, Settings, add_setting

DEFAULT_WORKDIR = "moodstream-demo"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """The result of a command: `report` for programs, `lines` for people, and the exit code."""

    report: Mapping[str, Any]
    lines: Sequence[str] = field(default=())
    code: int = 0


Act = Callable[[Settings, argparse.Namespace, Progress], Outcome]


def add_place(parser: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    """Add the options that locate lake, warehouse and registry; `MOODSTREAM_...` variables stand in for them."""
    place = parser.add_argument_group("where", "a demo's working directory, or a lake of its own")

    setting = partial(add_setting, place, environ)
    setting("workdir", f"working directory of a demo (default: {DEFAULT_WORKDIR})")
    setting("lake", "folder or s3a:// URL of the Delta tables; instead of --workdir")
    setting("checkpoints", "folder or URL of the job's checkpoints (default: LAKE/_checkpoints)")
    setting("warehouse", "postgresql://user@host:port/db or redshift://workgroup-or-cluster/db")
    setting("staging", "s3:// prefix for files that Redshift copies")
    setting("warehouse_role", "IAM role that Redshift assumes to read the staging prefix")
    setting("mlflow_uri", "tracking server and registry", "MLFLOW_TRACKING_URI")
    setting("model_name", "registered model")
    setting("region", "AWS region", "AWS_REGION")
    setting("aws_endpoint", "only for an emulator", "AWS_ENDPOINT_URL")
    place.add_argument("--no-warehouse", action="store_true", help="do not read or change the warehouse")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")


def run(parser: Parser, act: Act, argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Parse the options, run `act`, print its outcome; returns the exit code. Raises StreamingError.

    Errors of Delta and of the file system become SettingsError or OperationFailed.
    """
    options = parser.parse_args(list(argv))
    try:
        outcome = act(settings(options, environ), options, _progress)
    except TableNotFoundError as error:
        raise SettingsError(f"the lake lacks a table, so the job has never run here: {error}") from error
    except (DeltaError, OSError) as error:
        raise OperationFailed(str(error) or type(error).__name__) from error
    text = json.dumps(outcome.report, default=str) if options.json else "\n".join(outcome.lines)
    sys.stdout.write(text + "\n" if text else "")
    return outcome.code


def settings(options: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """The settings that the options name; raises SettingsError where there is no lake."""
    found = _workdir(options) if options.lake is None else {}
    lake = _bare(options.lake or found["lake"])
    if "://" not in lake and not Path(lake).is_dir():
        raise SettingsError(f"--lake: there is no folder '{lake}'")
    warehouse = None if options.no_warehouse else options.warehouse or found.get("warehouse")
    return Settings(
        lake=lake,
        checkpoints=_bare(options.checkpoints or found.get("checkpoints") or f"{lake}/_checkpoints"),
        stream="",
        region=options.region,
        mlflow_uri=options.mlflow_uri or found.get("mlflow"),
        model_name=options.model_name,
        warehouse=warehouse,
        warehouse_password=environ.get("MOODSTREAM_WAREHOUSE_PASSWORD", found.get("password")),
        staging=options.staging,
        warehouse_role=options.warehouse_role,
        aws_endpoint=options.aws_endpoint,
    )


def _workdir(options: argparse.Namespace) -> dict[str, str]:
    """The settings of a demo's working directory: its folders, and the endpoints in its `stack.json`."""
    root = Path(options.workdir or DEFAULT_WORKDIR).absolute()
    if not (root / "lake").is_dir():
        raise SettingsError(
            f"--workdir: '{options.workdir or DEFAULT_WORKDIR}' holds no lake; run a demo or name --lake"
        )
    found = {"lake": str(root / "lake"), "checkpoints": str(root / "checkpoints")}
    if (root / "stack.json").is_file():
        stack = json.loads((root / "stack.json").read_text())
        found |= {name: stack[name] for name in ("warehouse", "mlflow") if stack.get(name)}
    if (root / "postgres" / "password").is_file():
        found["password"] = (root / "postgres" / "password").read_text()
    return found


def _bare(path: str) -> str:
    return path.rstrip("/") or "/"


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()

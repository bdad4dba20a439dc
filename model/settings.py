"""What the model commands share: their settings, read once, their parser, and how they report progress.

`--mlflow-uri` or `MLFLOW_TRACKING_URI` names tracking server and registry; without them it is the sqlite database of
the working directory (`--workdir`, or `MOODSTREAM_WORKDIR`, default `moodstream-demo`). `MOODSTREAM_DATA` is the folder
that `python -m deploy.local.datasets` filled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from model.errors import UsageError

MODEL_NAME = "moodstream-sentiment"
EXPERIMENT = "moodstream"
ARCHIVE, GAMES, EMOJI = "hutto_ICWSM_2014.tar.gz", "twitter_training.csv", "nade_250k_hp.ftz"
# `arn`: a tracking server that SageMaker manages (arn:aws:sagemaker:...), reached through its MLflow plugin.
SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "file", "databricks", "arn")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """Where the registry and the data are. `artifacts` is None if a tracking server decides where artefacts go."""

    mlflow_uri: str
    artifacts: Path | None
    data: Path
    model_name: str = MODEL_NAME
    storage: Mapping[str, str] = field(default_factory=dict)  # options of delta-rs' client for S3

    @property
    def archive(self) -> Path:
        """The archive of the VADER collection."""
        return self.data / ARCHIVE

    @property
    def games(self) -> Path:
        """The tweets about games and brands."""
        return self.data / GAMES

    @property
    def emoji(self) -> Path:
        """The emoji model."""
        return self.data / EMOJI

    @property
    def database(self) -> Path | None:
        """The registry's sqlite file, or None if the registry is no sqlite database."""
        marker = "sqlite:///"
        return Path(self.mlflow_uri.removeprefix(marker)) if self.mlflow_uri.startswith(marker) else None


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError instead of leaving the process."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError; argparse calls this for every wrong option or argument."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def add_options(parser: argparse.ArgumentParser, *, with_uri: bool = True) -> None:
    """Add the options that every model command has; one that reads `--mlflow-uri` otherwise adds it itself."""
    if with_uri:
        parser.add_argument("--mlflow-uri", metavar="URI", help="tracking server and registry (MLFLOW_TRACKING_URI)")
    parser.add_argument(
        "--workdir", type=Path, metavar="DIR", help="without a URI: the registry in this folder (moodstream-demo)"
    )


def data_folder(environ: Mapping[str, str]) -> Path:
    """The folder of the labelled data; it does not depend on the current folder."""
    root = Path(__file__).resolve().parents[1]
    return Path(environ.get("MOODSTREAM_DATA") or root / ".cache" / "data")


def from_options(options: argparse.Namespace, environ: Mapping[str, str], *, may_make_workdir: bool = True) -> Settings:
    """Build the settings; raises UsageError with the value received and what was expected.

    A folder that the user names wrongly must not become a registry with a model of its own: only what trains on demand
    may make one (`may_make_workdir`). The default folder is made by whatever needs it first.
    """
    uri = options.mlflow_uri or (None if options.workdir else environ.get("MLFLOW_TRACKING_URI"))
    data = data_folder(environ)
    if uri:
        if urlsplit(uri).scheme.split("+")[0] not in SCHEMES:
            raise UsageError(f"--mlflow-uri is '{uri}', expected a URI such as http://127.0.0.1:5000")
        return Settings(uri, None, data, storage=storage_options(environ))
    if options.workdir and not may_make_workdir and not options.workdir.expanduser().is_dir():
        raise UsageError(
            f"--workdir is '{options.workdir}', where there is no folder; expected a demo's working directory "
            f"(`moodstream model train --workdir {options.workdir}` makes one with a model)"
        )
    workdir = options.workdir or Path(environ.get("MOODSTREAM_WORKDIR") or "moodstream-demo")
    folder = workdir.expanduser().resolve() / "mlflow"
    return Settings(f"sqlite:///{folder}/mlflow.db", folder / "artifacts", data, storage=storage_options(environ))


def storage_options(environ: Mapping[str, str]) -> dict[str, str]:
    """What delta-rs' client for S3 is given: region and, for an emulator, endpoint. It finds credentials by itself."""
    options = {"AWS_REGION": environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"}
    if endpoint := environ.get("AWS_ENDPOINT_URL"):
        options["AWS_ENDPOINT_URL"] = endpoint
        # With an endpoint delta-rs skips AWS's chain, and with it the container credentials of EMR Serverless.
        options["AWS_FORCE_CREDENTIAL_LOAD"] = "true"
        options["AWS_ALLOW_HTTP"] = str(endpoint.startswith("http://")).lower()
    return options


def print_progress(message: str) -> None:
    """Write a line to standard error; standard output is kept for results."""
    sys.stderr.write(f"{message}\n")

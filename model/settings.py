"""Everything the model commands can be told besides their own options, read once.

`--mlflow-uri` or `MLFLOW_TRACKING_URI` names tracking server and registry; without them it is the sqlite database of
the working directory (`--workdir`, or `MOODSTREAM_WORKDIR`, default `moodstream-demo`). `MOODSTREAM_DATA` is the folder
that `python -m deploy.local.datasets` filled.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from model.errors import UsageError

MODEL_NAME = "moodstream-sentiment"
LANGUAGE_MODEL_NAME = "moodstream-next-word"
EXPERIMENT = "moodstream"
ARCHIVE = "hutto_ICWSM_2014.tar.gz"
# `arn`: a tracking server that SageMaker manages (arn:aws:sagemaker:...), reached through its MLflow plugin.
SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "file", "databricks", "arn")


@dataclass(frozen=True)
class Settings:
    """Where registry and data are. `artifacts` is None where a tracking server decides."""

    mlflow_uri: str
    artifacts: Path | None
    data: Path
    model_name: str = MODEL_NAME

    @property
    def archive(self) -> Path:
        """The VADER collection."""
        return self.data / ARCHIVE

    @property
    def database(self) -> Path | None:
        """The registry's sqlite file, when it is one."""
        marker = "sqlite:///"
        return Path(self.mlflow_uri.removeprefix(marker)) if self.mlflow_uri.startswith(marker) else None


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError instead of leaving the process."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse for whatever was given wrongly."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that every model command shares."""
    parser.add_argument("--mlflow-uri", metavar="URI", help="tracking server and registry (MLFLOW_TRACKING_URI)")
    parser.add_argument(
        "--workdir", type=Path, metavar="DIR", help="without a URI: the registry in this folder (moodstream-demo)"
    )


def data_folder(environ: Mapping[str, str]) -> Path:
    """Where the labelled data lie, whatever folder the command is run from."""
    root = Path(__file__).resolve().parents[1]
    return Path(environ.get("MOODSTREAM_DATA") or root / ".cache" / "data")


def from_options(options: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """Build the settings; raises UsageError with the value received and what was expected."""
    uri = options.mlflow_uri or (None if options.workdir else environ.get("MLFLOW_TRACKING_URI"))
    data = data_folder(environ)
    if uri:
        if urlsplit(uri).scheme.split("+")[0] not in SCHEMES:
            raise UsageError(f"--mlflow-uri is '{uri}', expected a URI such as http://127.0.0.1:5000")
        return Settings(uri, None, data)
    workdir = options.workdir or Path(environ.get("MOODSTREAM_WORKDIR") or "moodstream-demo")
    folder = workdir.expanduser().resolve() / "mlflow"
    return Settings(f"sqlite:///{folder}/mlflow.db", folder / "artifacts", data)

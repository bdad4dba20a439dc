"""MLflow's web pages over the registry of a working directory.

Everything else reads and writes the registry's database itself (`Workdir.mlflow_uri`), so the pages may be absent or
slow without anybody else noticing.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Mapping

from deploy.local import services
from deploy.local.processes import Process
from deploy.local.services import Service
from deploy.local.workdir import Workdir

NAME = "mlflow"


def start(workdir: Workdir, environ: Mapping[str, str], port: int | None) -> Process:
    """Start or adopt the server of the pages; it takes several seconds to import MLflow."""

    def command(chosen: int) -> list[str]:
        return [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(chosen)),
            *("--backend-store-uri", workdir.mlflow_uri, "--workers", "1", "--no-serve-artifacts"),
            *("--default-artifact-root", (workdir.mlflow / "artifacts").as_uri()),
        ]

    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    return services.ensure(Service(NAME, command, _healthy, {**environ, **quiet}, patience=120.0), workdir, port)


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False

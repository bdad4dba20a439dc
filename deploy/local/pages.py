"""The web pages of the demo: the dashboard, and MLflow's over the registry of the working directory.

Nothing else depends on them: everything reads and writes the registry's database itself (`Workdir.mlflow_uri`), so the
pages may be absent or slow.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from deploy.local import services
from deploy.local.jars import ROOT
from deploy.local.processes import Process
from deploy.local.services import Service, answers_http
from deploy.local.workdir import Workdir

DASHBOARD = "dashboard"
MLFLOW = "mlflow"
# Named by path: importing it would start Streamlit.
APP = ROOT / "deploy" / "dashboard" / "app.py"


def start_dashboard(workdir: Workdir, environ: Mapping[str, str], port: int | None) -> Process:
    """Start or adopt the dashboard's server; raises ServiceError."""

    def command(chosen: int) -> list[str]:
        return [
            *(sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(chosen)),
            *("--server.address", "127.0.0.1", "--server.headless", "true", "--server.fileWatcherType", "none"),
            *("--browser.gatherUsageStats", "false", "--client.toolbarMode", "minimal"),
            *("--client.showErrorLinks", "false"),
            *("--", str(workdir.root), "--labels"),
        ]

    return services.ensure(Service(DASHBOARD, command, answers_http("/_stcore/health"), environ), workdir, port)


def start_mlflow(workdir: Workdir, environ: Mapping[str, str], port: int | None) -> Process:
    """Start or adopt MLflow's server, which takes several seconds to import MLflow; raises ServiceError."""

    def command(chosen: int) -> list[str]:
        return [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(chosen)),
            *("--backend-store-uri", workdir.mlflow_uri, "--workers", "1", "--no-serve-artifacts"),
            *("--default-artifact-root", (workdir.mlflow / "artifacts").as_uri()),
        ]

    quiet = {**environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    # MLflow's own job runner is six more processes, each with all of MLflow, for jobs that nobody here sends.
    quiet["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    return services.ensure(Service(MLFLOW, command, answers_http("/health"), quiet, patience=120.0), workdir, port)

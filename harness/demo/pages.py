"""The web pages of the demo: dashboard and MLflow's; Spark's comes with the job."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from deploy import dashboard
from deploy.local import mlflow_ui, services
from deploy.local.services import Service
from deploy.local.workdir import Workdir
from harness.demo.settings import DemoSettings

# Named by path: importing it would start Streamlit.
APP = Path(dashboard.__file__).with_name("app.py")
NAME = "dashboard"


def start(options: DemoSettings, workdir: Workdir, environ: Mapping[str, str]) -> dict[str, str]:
    """Start the pages unless --headless; returns their addresses by name."""
    if options.headless:
        return {}
    page = services.ensure(_dashboard(workdir, environ), workdir, options.dashboard_port)
    mlflow = mlflow_ui.start(workdir, environ, options.mlflow_port)
    return {
        "dashboard": f"http://127.0.0.1:{page.port}",
        "mlflow": f"http://127.0.0.1:{mlflow.port}",
    }


def _dashboard(workdir: Workdir, environ: Mapping[str, str]) -> Service:
    def command(port: int) -> list[str]:
        return [
            *(sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(port)),
            *("--server.address", "127.0.0.1", "--server.headless", "true", "--server.fileWatcherType", "none"),
            *("--browser.gatherUsageStats", "false", "--client.toolbarMode", "minimal"),
            *("--", str(workdir.root)),
        ]

    return Service(NAME, command, _healthy, environ)


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False

"""`moodstream status --lake LAKE`: prints the tables, the hops, and what to do next."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deltalake.exceptions import DeltaError
from rich.console import Group
from rich.table import Table
from rich.text import Text

from deploy.local.errors import ServiceError
from harness.status import lake, screen
from harness.status.verdict import Verdict, verdict
from streaming.files import NO_CREDENTIALS, lacks_credentials
from streaming.settings import Settings


def show(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the state of `options.lake`; returns 0. Raises UsageError, or ServiceError if AWS does not answer."""
    region = options.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    place = options.lake.rstrip("/")
    endpoint = environ.get("AWS_ENDPOINT_URL")
    settings = Settings(
        lake=place, checkpoints=f"{place}/_checkpoints", stream="", region=region, aws_endpoint=endpoint
    )
    now = datetime.now(UTC)
    try:
        found = lake.look(settings, _hops(options, settings, now), now)
    except (DeltaError, OSError) as error:
        if lacks_credentials(error):
            raise ServiceError(f"{place}: {NO_CREDENTIALS}") from error
        raise ServiceError(f"{place} cannot be read: {error}") from error
    said = verdict(found, now)
    if options.json:
        sys.stdout.write(json.dumps({**found, "verdict": said._asdict()}) + "\n")
    else:
        screen.show(found["lake"], _readable(found, said))
    return 0


def _hops(options: argparse.Namespace, settings: Settings, now: datetime) -> dict[str, dict[str, Any]]:
    if options.status_file:
        return lake.hops_of_file(Path(options.status_file))
    if not options.metrics_namespace:
        return {}
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    make: Any = boto3.client  # its stubs want the service's name literally
    try:
        client = make("cloudwatch", region_name=settings.region, endpoint_url=settings.aws_endpoint)
        return lake.hops_of_metrics(client, options.metrics_namespace, now)
    except (BotoCoreError, ClientError) as error:
        raise ServiceError(f"--metrics-namespace: CloudWatch does not answer: {error}") from error


def _readable(found: Mapping[str, Any], said: Verdict) -> Group:
    tables = Table(box=None)
    for name in ("table", "rows", "last commit"):
        tables.add_column(name, justify="right" if name == "rows" else "left")
    for name, table in found["tables"].items():
        tables.add_row(name, f"{table['rows']:,}", table["committed_at"])
    hops = Table(box=None)
    for name in ("hop", "state", "error"):
        hops.add_column(name)
    for name, hop in found["hops"].items():
        hops.add_row(name, hop["state"], Text(str(hop.get("error") or "")))
    return Group(tables, hops, Text(f"{said.state}: {said.why}"), Text(f"next: {said.next_step}"))

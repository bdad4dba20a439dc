"""The alarms of alarms.toml: each tells people when it fires and when it ends, and names its section of the runbook."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from deploy.infra.actors import NAMESPACE

ALARMS = Path(__file__).with_name("alarms.toml")


def entries(stack: str) -> list[dict[str, Any]]:
    """The entries whose alarms belong to a stack; those that name none belong to `ops`."""
    return [each for each in tomllib.loads(ALARMS.read_text())["alarm"] if each.get("stack", "ops") == stack]


def make(
    scope: Construct,
    construct: str,
    entry: Mapping[str, Any],
    topic: sns.ITopic,
    *,
    name: str,
    dimensions: Mapping[str, str],
    periods: float | None = None,
) -> cloudwatch.Alarm:
    """Make the alarm of an entry, called `moodstream-NAME`; `periods` replaces how many in a row the entry asks for."""
    missing = cloudwatch.TreatMissingData
    alarm = cloudwatch.Alarm(
        scope,
        construct,
        alarm_name=f"moodstream-{name}",
        alarm_description=f"{entry['meaning']} Runbook: docs/runbook.md, {entry['name']}",
        metric=cloudwatch.Metric(
            namespace=entry.get("namespace", NAMESPACE),
            metric_name=entry["metric"],
            dimensions_map=dict(dimensions) or None,
            statistic=entry["statistic"],
            period=Duration.seconds(entry["period"]),
        ),
        threshold=entry["threshold"],
        evaluation_periods=entry["periods"] if periods is None else periods,
        comparison_operator=cloudwatch.ComparisonOperator[entry["compare"]],
        treat_missing_data=missing.BREACHING if entry.get("missing") == "breaching" else missing.NOT_BREACHING,
    )
    publish = actions.SnsAction(topic)
    alarm.add_alarm_action(publish)
    alarm.add_ok_action(publish)
    return alarm

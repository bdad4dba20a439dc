"""For people on call: the alarms of alarms.toml, and a CloudWatch dashboard."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from deploy.infra.actors import NAMESPACE
from deploy.infra.data import DataStack
from deploy.infra.stream import StreamStack

ALARMS = Path(__file__).with_name("alarms.toml")
# Streaming queries have batches and rows; loops have only a state.
QUERIES = ("ingest", "refine", "aggregate", "load")
HOPS = (*QUERIES, "serve", "retract", "observe", "watch")


class OpsStack(Stack):
    """The alarms publish to the topic when they fire and when they end."""

    def __init__(self, scope: Construct, name: str, *, data: DataStack, stream: StreamStack, **kwargs: object) -> None:
        super().__init__(scope, name, **kwargs)
        self.names = {
            "StreamName": stream.stream.stream_name,
            "FunctionName": stream.generator.function_name,
            "DeliveryStreamName": stream.archive.ref,
        }
        publish = actions.SnsAction(data.topic)
        for entry in tomllib.loads(ALARMS.read_text())["alarm"]:
            hops = HOPS if entry.get("each_hop") else (entry.get("hop"),)
            for hop in hops:
                alarm = self._alarm(entry, hop)
                alarm.add_alarm_action(publish)
                alarm.add_ok_action(publish)
        self._dashboard()

    def _alarm(self, entry: dict[str, Any], hop: str | None) -> cloudwatch.Alarm:
        name = f"moodstream-{entry['name']}" + (f"-{hop}" if entry.get("each_hop") else "")
        missing = cloudwatch.TreatMissingData
        return cloudwatch.Alarm(
            self,
            "".join(part.title() for part in name.split("-")[1:]),
            alarm_name=name,
            alarm_description=f"{entry['meaning']} Runbook: docs/runbook.md, {entry['name']}",
            metric=self._metric(entry, hop),
            threshold=entry["threshold"],
            evaluation_periods=entry["periods"],
            comparison_operator=cloudwatch.ComparisonOperator[entry["compare"]],
            treat_missing_data=missing.BREACHING if entry.get("missing") == "breaching" else missing.NOT_BREACHING,
        )

    def _metric(self, entry: dict[str, Any], hop: str | None) -> cloudwatch.Metric:
        dimensions = {"Hop": hop} if hop else {}
        if "dimension" in entry:
            dimensions[entry["dimension"]] = self.names[entry["dimension"]]
        return cloudwatch.Metric(
            namespace=entry.get("namespace", NAMESPACE),
            metric_name=entry["metric"],
            dimensions_map=dimensions or None,
            statistic=entry["statistic"],
            period=Duration.seconds(entry["period"]),
        )

    def _dashboard(self) -> None:
        def by_hop(metric: str, statistic: str, hops: Sequence[str] = QUERIES) -> list[cloudwatch.IMetric]:
            return [
                cloudwatch.Metric(
                    namespace=NAMESPACE,
                    metric_name=metric,
                    dimensions_map={"Hop": hop},
                    statistic=statistic,
                    label=hop,
                )
                for hop in hops
            ]

        def graph(title: str, lines: list[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
            return cloudwatch.GraphWidget(title=title, left=lines, width=12, height=6)

        stream = {"StreamName": self.names["StreamName"]}
        incoming = [
            cloudwatch.Metric(namespace="AWS/Kinesis", metric_name=name, dimensions_map=stream, statistic="Sum")
            for name in ("IncomingRecords", "WriteProvisionedThroughputExceeded")
        ]
        rejected: list[cloudwatch.IMetric] = [
            cloudwatch.Metric(
                namespace=NAMESPACE, metric_name="RejectedRows", dimensions_map={"Hop": "refine"}, statistic="Sum"
            )
        ]
        dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name="moodstream")
        dashboard.add_widgets(
            graph("Lag of gold (s)", by_hop("LagSeconds", "Maximum", ("aggregate",))),
            graph("Batch duration by hop (s)", by_hop("BatchSeconds", "p95")),
            graph("Rows in by hop", by_hop("InputRows", "Sum")),
            graph("Rows a second by hop", by_hop("ProcessedRowsPerSecond", "Average")),
            graph("Restarts by hop", by_hop("Restarts", "Sum", HOPS)),
            graph("Age of the last progress by hop (s)", by_hop("LastProgressAge", "Maximum", HOPS)),
            graph("Rejected rows", rejected),
            graph("Kinesis", [*incoming]),
        )

"""For people on call: the alarms of alarms.toml, and a CloudWatch dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from deploy.infra import alarms
from deploy.infra.actors import NAMESPACE
from deploy.infra.data import DataStack
from deploy.infra.stream import StreamStack

# Streaming queries have batches and rows; loops have only a state.
QUERIES = ("ingest", "refine", "aggregate", "load")
HOPS = (*QUERIES, "upsert", "serve", "retract", "observe", "watch")


class OpsStack(Stack):
    """The alarms publish to the topic when they fire and when they end."""

    def __init__(self, scope: Construct, name: str, *, data: DataStack, stream: StreamStack, **kwargs: object) -> None:
        super().__init__(scope, name, **kwargs)
        self.names = {
            "StreamName": stream.stream.stream_name,
            "FunctionName": stream.generator.function_name,
            "DeliveryStreamName": stream.archive.ref,
        }
        for entry in alarms.entries("ops"):
            for hop in HOPS if entry.get("each_hop") else (entry.get("hop"),):
                name = f"{entry['name']}-{hop}" if entry.get("each_hop") else entry["name"]
                construct = "".join(part.title() for part in name.split("-"))
                alarms.make(self, construct, entry, data.topic, name=name, dimensions=self._dimensions(entry, hop))
        self._dashboard()

    def _dimensions(self, entry: dict[str, Any], hop: str | None) -> dict[str, str]:
        dimensions = {"Hop": hop} if hop else {}
        if "dimension" in entry:
            dimensions[entry["dimension"]] = self.names[entry["dimension"]]
        return dimensions

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
            graph("CPU seconds a million events", by_hop("CpuSecondsPerMillionEvents", "Average", ("job",))),
            graph("USD a million events, of the job", by_hop("UsdPerMillionEvents", "Average", ("job",))),
            graph("Kinesis", [*incoming]),
        )

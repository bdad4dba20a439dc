"""Kinesis as a streaming source, the same columns whichever connector reads it.

Guarantee: at least once from the stream, exactly once into a sink of a single action. Both connectors decide what a
micro-batch holds while it executes, so never recompute it: no second action, no speculation.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from streaming.settings import Settings

QUBOLE_COLUMNS = {
    "data": "data",
    "streamName": "stream",
    "partitionKey": "partition_key",
    "sequenceNumber": "sequence_number",
    "approximateArrivalTimestamp": "arrival_time",
}


def kinesis(spark: SparkSession, settings: Settings) -> DataFrame:
    """A stream of `data` binary, `stream`, `partition_key`, `sequence_number` strings, `arrival_time` timestamp."""
    dialect = {"qubole": ("kinesis", _qubole_options), "aws": ("aws-kinesis", _aws_options)}
    name, options = dialect[settings.kinesis_connector]
    records = spark.readStream.format(name).options(**options(settings)).load()
    return records.select(*[F.col(theirs).alias(ours) for theirs, ours in QUBOLE_COLUMNS.items()])


def _endpoint(settings: Settings) -> str:
    return settings.kinesis_endpoint or f"https://kinesis.{settings.region}.amazonaws.com"


def _qubole_options(settings: Settings) -> Mapping[str, str]:
    """Bounds keep a batch short: it otherwise reads until it has caught up with a stream that never ends."""
    return {
        "streamName": settings.stream,
        "endpointUrl": _endpoint(settings),
        "region": settings.region,
        "startingposition": settings.starting_position,
        # Else it asks for the credentials of an EC2 instance, and no other.
        "awsUseInstanceProfile": "false",
        "kinesis.executor.maxFetchTimeInMs": "500",
        "kinesis.executor.maxFetchRecordsPerShard": "50000",
        "kinesis.executor.idleTimeBetweenReadsInMs": "100",
        "kinesis.client.describeShardInterval": "10s",
        "kinesis.client.avoidEmptyBatches": "true",
    }


def _aws_options(settings: Settings) -> Mapping[str, str]:
    """Polling, not enhanced fan-out: a consumer for each shard would cost more and gain under a second."""
    return {
        "kinesis.streamName": settings.stream,
        "kinesis.region": settings.region,
        # Else it guesses the region from the endpoint's host name.
        "kinesis.kinesisRegion": settings.region,
        "kinesis.endpointUrl": _endpoint(settings),
        "kinesis.consumerType": "GetRecords",
        "kinesis.startingposition": settings.starting_position,
    }

"""Kinesis as a streaming source, with the same columns for both connectors.

Guarantee: at least once from the stream, exactly once into a sink that runs a single action. Both connectors decide
what a micro-batch holds while it executes, so it must never be computed twice: no second action, no speculation.

Resharding: both connectors remember only the shards of the previous batch, so they must list the shards before every
batch. A shard that was read to its end is forgotten one batch later; if its child is found only then, its parent is
read again from the beginning, and if all shards end together, the query can never continue. A shard that the
checkpoint does not hold is newer than the checkpoint, so it is read from its beginning, whatever `starting_position`
the first start had.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from streaming.checkpoints import offsets
from streaming.errors import PermanentFailure
from streaming.files import Files
from streaming.settings import Settings
from streaming.sources import connector_build

log = logging.getLogger(__name__)

# Before every batch. AWS allows a thousand a second.
LIST_SHARDS_EVERY = "0s"

# Both connectors split KPL aggregates: the parts of one have the same sequence number.
COLUMNS = {
    "data": "data",
    "streamName": "stream",
    "partitionKey": "partition_key",
    "sequenceNumber": "sequence_number",
    "approximateArrivalTimestamp": "arrival_time",
}


def kinesis(spark: SparkSession, settings: Settings) -> DataFrame:
    """A stream of `data` binary, `stream`, `partition_key`, `sequence_number` strings, `arrival_time` timestamp.

    Raises PermanentFailure if Spark does not have the connector, or has a build of it that loses records.
    """
    name, options = dialect(replace(settings, starting_position=position_of_new_shards(settings)))
    forget_torn_positions(settings)
    try:
        records = spark.readStream.format(name).options(**options).load()
    except Py4JJavaError as error:
        if "DATA_SOURCE_NOT_FOUND" not in str(error):
            raise
        raise PermanentFailure(
            f"--kinesis-connector {settings.kinesis_connector}: none of Spark's jars has the data source '{name}'; "
            "name the connector's jar with --jars"
        ) from error
    if settings.kinesis_connector == "aws":
        connector_build.check(connector_build.loaded(spark))
    return records.select(*[F.col(theirs).alias(ours) for theirs, ours in COLUMNS.items()])


def forget_torn_positions(settings: Settings) -> None:
    """Remove the newest batch's positions that a crash left empty: with one of them awslabs never starts again.

    The connector creates a file and then writes it; only on S3 is that one step. An empty file means that a task had
    not ended, so its batch is not in bronze. Without the file, the batch is read again without that shard, and the
    next batch continues the shard.
    """
    positions = f"{settings.checkpoint('ingest')}/sources/0/shard-source"
    files = Files(settings)
    batches = [int(name) for name in files.folders(positions) if name.isdigit()]
    if not batches:
        return
    newest = f"{positions}/{max(batches)}"
    torn = [file.name for file in files.below(newest) if not file.size and not file.name.startswith(".")]
    for name in torn:
        files.remove(f"{newest}/{name}")
        files.remove(f"{newest}/.{name}.crc")  # the checksum that Hadoop keeps beside a local file
    if torn:
        log.warning("removed positions without content from %s: %s", newest, ", ".join(torn))


def position_of_new_shards(settings: Settings) -> str:
    """Where reading starts in a shard that the checkpoint does not hold: its beginning, if there is a checkpoint."""
    planned = offsets.batches(Files(settings), settings.checkpoint("ingest")).planned
    return "TRIM_HORIZON" if planned else settings.starting_position


def dialect(settings: Settings) -> tuple[str, Mapping[str, str]]:
    """The connector's name as a data source, and its options."""
    if settings.kinesis_connector == "aws":
        return "aws-kinesis", _aws_options(settings)
    return "kinesis", _qubole_options(settings)


def _endpoint(settings: Settings) -> str:
    return settings.kinesis_endpoint or f"https://kinesis.{settings.region}.amazonaws.com"


def _qubole_options(settings: Settings) -> Mapping[str, str]:
    """The bounds keep a batch short: without them it reads until it has caught up with a stream that never ends."""
    return {
        "streamName": settings.stream,
        "endpointUrl": _endpoint(settings),
        "region": settings.region,
        "startingposition": settings.starting_position,
        # With `true` it accepts only the credentials of an EC2 instance.
        "awsUseInstanceProfile": "false",
        "kinesis.executor.maxFetchTimeInMs": "500",
        "kinesis.executor.maxFetchRecordsPerShard": "50000",
        "kinesis.executor.idleTimeBetweenReadsInMs": "100",
        "kinesis.client.describeShardInterval": LIST_SHARDS_EVERY,
        "kinesis.client.avoidEmptyBatches": "true",
    }


def _aws_options(settings: Settings) -> Mapping[str, str]:
    """Polling, not enhanced fan-out: a consumer for each shard would cost more and save less than a second.

    A batch ends once a shard was read to its tip and then yielded nothing for the wait (1 s), in whole seconds. With
    the default of five fetches a second a busy shard is never silent, and a batch would last until 100,000 records. So
    the pause between two fetches is longer than the wait: the batch ends after one fetch, or after as many as it needs
    to catch up, 10,000 records each. See docs/decisions/016.
    """
    return {
        "kinesis.streamName": settings.stream,
        "kinesis.region": settings.region,
        # Without it the connector guesses the region from the endpoint's host name.
        "kinesis.kinesisRegion": settings.region,
        "kinesis.endpointUrl": _endpoint(settings),
        "kinesis.consumerType": "GetRecords",
        "kinesis.startingposition": settings.starting_position,
        "kinesis.internal.dataQueueWaitTimeoutSec": "1",
        # Their product must exceed 5: how many seconds to wait for a first record that the tip says is there.
        "kinesis.internal.maxDataQueueEmptyCount": "6",
        "kinesis.getRecords.fetchIntervalMs": "1500",
        # The smallest value that it accepts.
        "kinesis.maxFetchTimePerShardSec": "10",
        "kinesis.maxFetchRecordsPerShard": "50000",
        "kinesis.describeShardInterval": LIST_SHARDS_EVERY,
    }

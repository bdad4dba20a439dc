"""Kinesis as a streaming source, the same columns whichever connector reads it.

Guarantee: at least once from the stream, exactly once into a sink of a single action. Both connectors decide what a
micro-batch holds while it executes, so never recompute it: no second action, no speculation.

Resharding: both remember the shards of the batch before, and no others. They must therefore list the shards for every
batch: a shard that was read to its end is forgotten one batch later, and a child that is found only then makes them
read its parent again from the beginning; where all shards end together, the query can never go on. And a shard that
a checkpoint does not know is newer than the checkpoint, so it is read from its beginning, whatever the position was
that the first start was given.
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

log = logging.getLogger(__name__)

# Before every batch. AWS allows a thousand a second.
LIST_SHARDS_EVERY = "0s"

# Both connectors take KPL aggregates apart: what was aggregated shares its sequence number.
COLUMNS = {
    "data": "data",
    "streamName": "stream",
    "partitionKey": "partition_key",
    "sequenceNumber": "sequence_number",
    "approximateArrivalTimestamp": "arrival_time",
}


def kinesis(spark: SparkSession, settings: Settings) -> DataFrame:
    """A stream of `data` binary, `stream`, `partition_key`, `sequence_number` strings, `arrival_time` timestamp.

    Raises PermanentFailure where Spark does not have the connector.
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
        "kinesis.client.describeShardInterval": LIST_SHARDS_EVERY,
        "kinesis.client.avoidEmptyBatches": "true",
    }


def _aws_options(settings: Settings) -> Mapping[str, str]:
    """Polling, not enhanced fan-out: a consumer for each shard would cost more and gain under a second.

    A batch ends once a shard was read to its tip and then yielded nothing for the wait (1 s), in whole seconds. With
    the default of five fetches a second a busy shard is never silent, and a batch would last until 100,000 records. So
    the pause between two fetches is longer than the wait: one fetch and the batch ends, or as many as it takes to
    catch up, 10,000 records each. See docs/decisions/016.
    """
    return {
        "kinesis.streamName": settings.stream,
        "kinesis.region": settings.region,
        # Else it guesses the region from the endpoint's host name.
        "kinesis.kinesisRegion": settings.region,
        "kinesis.endpointUrl": _endpoint(settings),
        "kinesis.consumerType": "GetRecords",
        "kinesis.startingposition": settings.starting_position,
        "kinesis.internal.dataQueueWaitTimeoutSec": "1",
        # Their product must exceed 5: how many seconds to wait for a first record that the tip says is there.
        "kinesis.internal.maxDataQueueEmptyCount": "6",
        "kinesis.getRecords.fetchIntervalMs": "1500",
        # The least it takes.
        "kinesis.maxFetchTimePerShardSec": "10",
        "kinesis.maxFetchRecordsPerShard": "50000",
        "kinesis.describeShardInterval": LIST_SHARDS_EVERY,
    }

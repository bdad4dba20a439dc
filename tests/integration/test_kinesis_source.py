"""The Kinesis source: where it starts, where Spark lacks its connector, and where a crash has torn its positions."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from streaming.errors import PermanentFailure
from streaming.settings import Settings
from streaming.sources import connector_build
from streaming.sources.kinesis import forget_torn_positions, kinesis, position_of_new_shards


def test_a_connector_that_spark_does_not_have_is_named_with_what_to_do(spark: SparkSession) -> None:
    settings = Settings(lake="/lake", checkpoints="/lake/none", stream="events", kinesis_connector="aws")
    with pytest.raises(PermanentFailure, match=r"connector aws: none of Spark's jars has .* 'aws-kinesis'; .* --jars"):
        kinesis(spark, settings)


def test_positions_without_content_are_removed_from_the_newest_batch_only(tmp_path: Path) -> None:
    positions = tmp_path / "ingest" / "sources" / "0" / "shard-source"
    for batch in ("9", "10"):
        (positions / batch).mkdir(parents=True)
        (positions / batch / "shardId-000000000000").write_text("")
        (positions / batch / "shardId-000000000001").write_text('{"shardId": "shardId-000000000001"}')

    forget_torn_positions(Settings(lake=str(tmp_path), checkpoints=str(tmp_path), stream="events"))

    assert sorted(str(path.relative_to(positions)) for path in positions.glob("*/*")) == [
        "10/shardId-000000000001",
        "9/shardId-000000000000",
        "9/shardId-000000000001",
    ]


def test_a_new_checkpoint_has_no_positions(tmp_path: Path) -> None:
    forget_torn_positions(Settings(lake=str(tmp_path), checkpoints=str(tmp_path), stream="events"))
    assert list(tmp_path.iterdir()) == []


def test_with_a_checkpoint_shards_that_it_does_not_know_are_read_from_their_beginning(tmp_path: Path) -> None:
    settings = Settings(lake="/lake", checkpoints=str(tmp_path), stream="events", starting_position="LATEST")
    assert position_of_new_shards(settings) == "LATEST"
    (tmp_path / "ingest/offsets").mkdir(parents=True)
    (tmp_path / "ingest/offsets/.7.tmp").touch()
    assert position_of_new_shards(settings) == "LATEST", "no batch was planned yet"
    (tmp_path / "ingest/offsets/7").touch()
    assert position_of_new_shards(settings) == "TRIM_HORIZON"


@pytest.mark.kinesis
def test_jar_and_methods_of_a_connector_are_found_in_the_jvm(spark: SparkSession) -> None:
    # The awslabs connector is on no registry: the other one has a class of the same name, in another package.
    build = connector_build.loaded(spark, "org.apache.spark.sql.kinesis.ShardSyncer$")
    assert build.jar.endswith("spark-sql-kinesis_2.12-1.2.0_spark-3.0.jar")
    assert "openShards" in build.methods
    assert connector_build.loaded(spark).methods == frozenset()

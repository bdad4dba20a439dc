"""The Kinesis source: where it starts, where Spark lacks its connector, and where a crash has torn its positions."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from streaming.errors import PermanentFailure
from streaming.settings import Settings
"""The Kinesis source: where it starts, where Spark lacks its connector, and where a crash has torn its positions."""


def test_a_connector_that_spark_does_not_have_is_named_with_what_to_do(spark: SparkSession) -> None:
    settings = Settings(lake="/lake", checkpoints="/lake/none", stream="events", kinesis_connector="aws")
    with pytest.raises(PermanentFailure, match=r"connector aws: none of Spark's jars has .* 'aws-kinesis'; .* --jars"):
        kinesis(spark, settings)


"""The Kinesis source: where it starts, where Spark lacks its connector, and where a crash has torn its positions."""

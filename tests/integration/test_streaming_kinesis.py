"""The Kinesis source where Spark lacks its connector."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from streaming.errors import PermanentFailure
from streaming.settings import Settings
from streaming.sources.kinesis import kinesis


def test_a_connector_that_spark_does_not_have_is_named_with_what_to_do(spark: SparkSession) -> None:
    settings = Settings(lake="/lake", checkpoints="/lake", stream="events", kinesis_connector="aws")
    with pytest.raises(PermanentFailure, match=r"connector aws: none of Spark's jars has .* 'aws-kinesis'; .* --jars"):
        kinesis(spark, settings)

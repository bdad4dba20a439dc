"""What a job used, asked of a real Spark session."""

from __future__ import annotations

import os

from pyspark.sql import SparkSession

from streaming.alerts.cost import used_by


def test_a_local_job_used_what_its_processes_and_tasks_took_and_holds_the_machine(spark: SparkSession) -> None:
    used = used_by(spark, local=True)
    before = used()
    spark.range(1_000_000, numPartitions=4).selectExpr("sum(sqrt(id))").collect()
    after = used()
    assert after.cpu_s > before.cpu_s > 0
    assert after.task_s > before.task_s
    assert after.cores == os.cpu_count()


def test_elsewhere_a_job_holds_its_executors_cores_and_its_drivers(spark: SparkSession) -> None:
    # A local session has no executors beside the driver.
    assert used_by(spark, local=False)().cores == 1

"""What a local Spark session is told, beside what every session is told."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from streaming import session
from streaming.settings import Settings

LOCAL = Settings(lake="/lake", checkpoints="/lake/_checkpoints", stream="events", local_cores=4)
JARS = ("/jars/delta-spark.jar", "/jars/hadoop-bare-naked-local-fs-0.1.0.jar")


def test_the_local_file_system_is_on_the_class_path_before_spark_opens_its_other_jars() -> None:
    told = session.local_configuration(replace(LOCAL, jars=JARS))
    assert told["spark.driver.extraClassPath"] == JARS[1]
    assert told["spark.hadoop.fs.file.impl"] == session.LOCAL_FILES


def test_without_its_jar_hadoops_own_file_system_stays() -> None:
    assert "spark.hadoop.fs.file.impl" not in session.local_configuration(LOCAL)


@pytest.mark.parametrize(("cores", "threads"), [(2, "1"), (4, "1"), (8, "2")])
def test_a_local_run_leaves_delta_rs_a_thread_for_four_of_sparks(
    cores: int, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOKIO_WORKER_THREADS", raising=False)
    session.spare_threads(replace(LOCAL, local_cores=cores))
    assert os.environ["TOKIO_WORKER_THREADS"] == threads


def test_on_a_cluster_delta_rs_has_a_thread_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKIO_WORKER_THREADS", raising=False)
    session.spare_threads(replace(LOCAL, local_cores=None))
    assert "TOKIO_WORKER_THREADS" not in os.environ

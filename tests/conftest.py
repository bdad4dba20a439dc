"""Fixtures that more than one tier uses."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from deploy.local import jars
from model import cli
from streaming import session
from streaming.cli import create_tables
from streaming.settings import Settings


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The job's own session with two cores; one for all tests, as starting it takes seconds."""
    os.environ["JAVA_HOME"] = str(jars.java_home())
    # Most of a short Spark run is the JVM optimising code that it will not run again.
    os.environ["PYSPARK_SUBMIT_ARGS"] = "--driver-java-options -XX:TieredStopAtLevel=1 pyspark-shell"
    lake = str(tmp_path_factory.mktemp("lake"))
    settings = Settings(lake=lake, checkpoints=lake, stream="events", local_cores=2, jars=tuple(map(str, jars.paths())))
    started = session.start(settings)
    started.sparkContext.setLogLevel("ERROR")
    yield started
    started.stop()


@pytest.fixture(scope="session")
def lake_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of empty tables, made once: a Delta table may be copied as a folder, which costs nothing."""
    lake = tmp_path_factory.mktemp("template")
    create_tables(Settings(lake=str(lake), checkpoints=str(lake / "checkpoints"), stream="events"))
    return lake


@pytest.fixture
def empty_lake(lake_template: Path, tmp_path: Path) -> Path:
    """A lake of its own for a test, with every table and no row."""
    return Path(shutil.copytree(lake_template, tmp_path / "lake"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory whose registry has a champion, as `make demo` trains it first; made once.

    Nobody may change it. A copy of its `mlflow` in another working directory is a registry of its own.
    """
    folder = tmp_path_factory.mktemp("trained")
    assert cli.main(["train", "--quick", "--workdir", str(folder)], {}) == 0
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that read Kinesis with Spark where no registry has a connector for the installed Spark."""
    if jars.has_kinesis():
        return
    skip = pytest.mark.skip(reason=f"no registry has a Kinesis connector for Spark {jars.spark_line()}")
    for item in items:
        if item.get_closest_marker("kinesis"):
            item.add_marker(skip)


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Say why a test failed as soon as it has: a long run is otherwise silent about it until its end."""
    if report.failed:
        reason = str(report.longrepr).strip().splitlines()[-1]
        sys.__stdout__.write(f"\n{report.nodeid} ({report.when}): {reason}\n")

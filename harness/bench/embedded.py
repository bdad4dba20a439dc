"""What the measurements of hops need: the job's Spark session, a registered champion, generated records in bronze."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import write_deltalake

from deploy.local import jars
from generator.simulation import Dirt, Simulation
from streaming import session
from streaming.delta.tables import open_table
from streaming.settings import Settings
from streaming.tables import bronze_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
USERS = 20_000
TIME = pa.timestamp("us", tz="UTC")


def settings_in(scratch: Path, cores: int, mlflow_uri: str | None = None) -> Settings:
    """The job's settings for a lake in `scratch`; hops look for work several times a second."""
    return Settings(
        lake=str(scratch / "lake"),
        checkpoints=str(scratch / "checkpoints"),
        stream="bench",
        mlflow_uri=mlflow_uri,
        refine_trigger=0.1,
        aggregate_trigger=0.3,  # long enough that all tables of silver mostly have a batch
        local_cores=cores,
        jars=tuple(map(str, jars.paths())),
    )


def spark_session(settings: Settings) -> SparkSession:
    """The session that the job would start on this machine; raises JarsError if `make setup` never ran."""
    os.environ.setdefault("JAVA_HOME", str(jars.java_home()))
    started = session.start(settings)
    started.sparkContext.setLogLevel("ERROR")
    return started


def registry_with_champion(workdir: Path | None, environ: Mapping[str, str], progress: Callable[[str], None]) -> str:
    """The URI of the registry of `workdir`; trains a champion if it has none. Raises ModelError."""
    from model import settings
    from model.training.register import ensure_champion

    chosen = settings.from_options(argparse.Namespace(mlflow_uri=None, workdir=workdir), environ)
    ensure_champion(chosen, progress)
    return chosen.mlflow_uri


class Arrivals:
    """The generator's records with its default dirt, in simulated time from START on, appended to bronze/events.

    The table must exist. A call makes one commit, of one file unless it crosses midnight.
    """

    def __init__(self, settings: Settings, seed: int = 1) -> None:
        self._table = open_table(settings, bronze_events.NAME)
        self._stream = Simulation(seed, "bench", USERS, Dirt())
        self._time = START
        self._number = 0

    def arrive(self, rows: int, seconds: float) -> None:
        """Append the records of the next `seconds`, `rows` of them, as one micro-batch of ingest would."""
        times = [self._time + seconds * place / rows for place in range(rows)]
        records = [self._stream.next(at) for at in times]
        self._time += seconds
        numbers = range(self._number, self._number + rows)
        self._number += rows
        arrived = pa.array([int(at * 1e6) for at in times], TIME)
        columns = {
            "data": pa.array([record.data for record in records], pa.binary()),
            "stream": pa.array(["bench"] * rows),
            "partition_key": pa.array([record.key for record in records]),
            "sequence_number": pa.array([f"{number:056d}" for number in numbers]),
            "arrival_time": arrived,
            "ingested_at": pa.array([int(self._time * 1e6)] * rows, TIME),
            **{name: part(arrived).cast(pa.int32()) for name, part in PARTS.items()},
        }
        write_deltalake(self._table, pa.table(columns), mode="append")


PARTS: Mapping[str, Callable[[pa.Array], pa.Array]] = {"year": pc.year, "month": pc.month, "day": pc.day}

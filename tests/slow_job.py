"""`python -m tests.slow_job FOLDER`: the streaming job with one hop, whose batches last a second and note their ends.

FOLDER gets `batches` (a line `begin N` or `end N` for each) and `status.json`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from deploy.local import jars
from streaming import cli
from streaming.loop import Running
from streaming.settings import Settings


def main(folder: Path) -> int:
    """Run until asked to end; returns the job's exit code."""
    os.environ["JAVA_HOME"] = str(jars.java_home())
    notes = (folder / "batches").open("a", buffering=1)

    def batch(_: DataFrame, number: int) -> None:
        notes.write(f"begin {number}\n")
        time.sleep(1.0)
        notes.write(f"end {number}\n")

    def start(spark: SparkSession, settings: Settings) -> Running:
        rows = spark.readStream.format("rate").load()
        return rows.writeStream.foreachBatch(batch).option("checkpointLocation", settings.checkpoint("slow")).start()

    options = {
        "lake": folder / "lake",
        "stream": "events",
        "hops": "refine",
        "local-cores": 1,
        "status-file": folder / "status.json",
        "jars": ",".join(map(str, jars.paths())),
    }
    argv = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return cli.main(argv, os.environ, {"refine": start})


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""The script that Glue starts: it runs the streaming job with those of Glue's arguments that are the job's options.

Glue passes its own arguments (`--JOB_NAME`, `--TempDir`, ...) beside the job's options, and makes the Spark session.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

OPTIONS = (
    "lake",
    "checkpoints",
    "stream",
    "region",
    "kinesis-connector",
    "mlflow-uri",
    "warehouse",
    "staging",
    "warehouse-role",
    "alerts-topic",
    "metrics-namespace",
    "status-file",
    "ingest-trigger",
    "refine-trigger",
    "aggregate-trigger",
    "load-trigger",
    "serve-interval",
    "core-hour-usd",
)


def job_options(argv: Sequence[str]) -> list[str]:
    """The streaming job's options among Glue's arguments, as a command line: option, value, option, value."""
    from awsglue.utils import getResolvedOptions

    present = [name for name in OPTIONS if f"--{name}" in argv]
    # Glue's parser turns the dashes of a name into underscores.
    resolved = getResolvedOptions(list(argv), present)
    found = {name: resolved.get(name) or resolved[name.replace("-", "_")] for name in present}
    return [part for name, value in found.items() for part in (f"--{name}", value)]


def main(argv: Sequence[str]) -> int:
    """Run the job in Glue's session; returns its exit code."""
    from awsglue.context import GlueContext
    from awsglue.job import Job
    from pyspark.context import SparkContext

    from moodstream import exit_code_of
    from streaming.cli import main as run

    options = job_options(argv)
    context = GlueContext(SparkContext.getOrCreate())
    job = Job(context)
    job.init("moodstream", {})
    code = exit_code_of("moodstream stream", run, options, os.environ)
    job.commit()
    return code


if __name__ == "__main__":
    ended = main(sys.argv)
    # Glue counts every SystemExit as a failure, even one with code 0.
    if ended:
        sys.exit(ended)

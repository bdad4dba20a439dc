"""The default arguments of the Glue streaming job. Glue's own begin with `--`, too: `job_options` never clash."""

from __future__ import annotations

from deploy.emr.arguments import Target, job_options, spark_settings


def job_arguments(target: Target) -> dict[str, str]:
    """Arguments by name, as a Glue job's `DefaultArguments` wants them."""
    settings = [f"{name}={value}" for name, value in spark_settings("glue").items()]
    return {
        # Delta 3.3.2 as Glue 5.1 ships it.
        "--datalake-formats": "delta",
        # Glue takes one --conf; further ones are chained inside its value.
        "--conf": " --conf ".join(settings),
        "--extra-py-files": f"{target.release}/moodstream.zip",
        # The connector is on no registry: put the jar from an EMR image or a build of its sources here.
        "--extra-jars": f"{target.release}/jars/spark-streaming-sql-kinesis-connector.jar",
        # Wheels from the release, never from an index at start: pinned, and no way out needed.
        "--additional-python-modules": f"{target.release}/moodstream.gluewheels.zip",
        "--python-modules-installer-option": "--no-index",
        "--enable-metrics": "true",
        "--enable-observability-metrics": "true",
        "--enable-continuous-cloudwatch-log": "true",
        "--enable-spark-ui": "true",
        "--spark-event-logs-path": f"{target.lake}/_checkpoints/glue-event-logs/",
        # A streaming job keeps its place in its own checkpoint.
        "--job-bookmark-option": "job-bookmark-disable",
        "--enable-glue-datacatalog": "false",
        **job_options(target),
    }

"""The default arguments of the Glue streaming job: those for Glue itself, and the job's own (`job_options`)."""

from __future__ import annotations

from deploy.emr.arguments import Target, encryption, job_options, spark_settings
from deploy.emr.releases import EMR_7
from deploy.infra.cost import core_hour_usd_on_glue

# Glue makes the session before the job can: what is static must be among its arguments. The same as in session.py.
STATIC = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}


def job_arguments(target: Target) -> dict[str, str]:
    """Argument name -> value, the form of a Glue job's `DefaultArguments`."""
    settings = {**STATIC, **spark_settings("glue"), **encryption(target)}
    return {
        # Glue 5.1 contains Delta 3.3.2.
        "--datalake-formats": "delta",
        # Glue accepts one --conf only: its value contains the others.
        "--conf": " --conf ".join(f"{name}={value}" for name, value in settings.items()),
        "--extra-py-files": f"{target.release}/moodstream.zip",
        # No registry has the connector: the deployment uploads the jar that it is given. Glue has the Spark of EMR 7.
        "--extra-jars": f"{target.release}/{EMR_7.connector}",
        # Wheels come from the release, not from a package index: they are pinned, and need no way to the internet.
        "--additional-python-modules": f"{target.release}/moodstream.gluewheels.zip",
        "--python-modules-installer-option": "--no-index",
        "--enable-metrics": "true",
        "--enable-observability-metrics": "true",
        "--enable-continuous-cloudwatch-log": "true",
        "--enable-spark-ui": "true",
        "--spark-event-logs-path": f"{target.lake}/_checkpoints/glue-event-logs/",
        # The streaming job's own checkpoints take the place of Glue's bookmarks.
        "--job-bookmark-option": "job-bookmark-disable",
        "--enable-glue-datacatalog": "false",
        **job_options(target),
        "--core-hour-usd": f"{core_hour_usd_on_glue():.6f}",
    }

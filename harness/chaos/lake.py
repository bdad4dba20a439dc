"""The lake of a chaos run: a local folder, or a bucket of the emulated S3, which can be made to fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from deploy.local import aws, jars
from deploy.local.stack import Stack
from deploy.local.workdir import Workdir

BUCKET = aws.BUCKETS[0]


@dataclass(frozen=True)
class Lake:
    """Where the lake is; `name` is local or s3."""

    name: str

    def for_audit(self, place: Workdir) -> Workdir:
        """The working directory for the audit, which reads the emulator's objects as files."""
        return place if self.name == "local" else replace(place, lake_folder=place.aws / "s3" / aws.ACCOUNT / BUCKET)

    def fetch(self, environ: Mapping[str, str]) -> None:
        """Fetch the jars that the lake needs, unless they are there; raises JarsError."""
        jars.fetch(jars.wanted(s3=self.name == "s3"), environ=environ)

    def arguments(self, further: tuple[str, ...]) -> tuple[str, ...]:
        """Command-line options that point the job to the lake; `further` are the connector's jars."""
        if self.name == "local":
            return ()
        found = [*map(str, jars.paths(s3=True)), *further]
        return ("--lake", f"s3a://{BUCKET}", "--jars", ",".join(found))

    def environ(self, services: Stack) -> dict[str, str]:
        """Environment variables with which Spark reads the lake through the endpoint of `services`."""
        if self.name == "local":
            return {}
        settings = {
            "endpoint": services.aws.endpoint,
            "path.style.access": "true",
            "connection.ssl.enabled": "false",
            "aws.credentials.provider": "com.amazonaws.auth.EnvironmentVariableCredentialsProvider",
        }
        options = " ".join(f"--conf spark.hadoop.fs.s3a.{name}={value}" for name, value in settings.items())
        return {"PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell"}

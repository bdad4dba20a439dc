"""Where the lake of a chaos run lies: in a local folder, or on the emulated S3, which can be made to fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from deploy.local import aws, jars
from deploy.local.stack import Stack
from deploy.local.workdir import Workdir

BUCKET = aws.BUCKETS[0]


@dataclass(frozen=True)
class Lake:
    """`name`: local or s3."""

    name: str

    def seen(self, place: Workdir) -> Workdir:
        """The working directory as those see it who audit: the emulator keeps objects as files."""
        return place if self.name == "local" else replace(place, lake_folder=place.aws / "s3" / aws.ACCOUNT / BUCKET)

    def fetch(self, environ: Mapping[str, str]) -> None:
        """Fetch the jars that it takes, where they are missing; raises JarsError."""
        wanted = ("core", "s3") if self.name == "s3" else ("core",)
        jars.fetch([jar for jar in jars.locked() if jar.set_name in wanted], environ=environ)

    def arguments(self, further: tuple[str, ...]) -> tuple[str, ...]:
        """What the job is told of it; `further` jars are those of the connector."""
        if self.name == "local":
            return ()
        found = [*map(str, jars.paths(s3=True)), *further]
        return ("--lake", f"s3a://{BUCKET}", "--jars", ",".join(found))

    def environ(self, services: Stack) -> dict[str, str]:
        """What Spark needs to read it through the endpoint of `services`."""
        if self.name == "local":
            return {}
        settings = {
            "endpoint": services.aws.endpoint,
            "path.style.access": "true",
            "connection.ssl.enabled": "false",
            "aws.credentials.provider": "com.amazonaws.auth.EnvironmentVariableCredentialsProvider",
        }
        told = " ".join(f"--conf spark.hadoop.fs.s3a.{name}={value}" for name, value in settings.items())
        return {"PYSPARK_SUBMIT_ARGS": f"{told} pyspark-shell"}

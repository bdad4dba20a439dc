"""The steps of the workflows. Each runs a command or calls one AWS service; repeating it is safe."""

from __future__ import annotations

import os
from typing import Any

from moodstream_tasks import runners
from moodstream_tasks.errors import CommandFailed
from moodstream_tasks.runners import Runner
from moodstream_tasks.settings import Settings, from_environ

REFUSAL = "moodstream model:"


def settings() -> Settings:
    """This process's settings, read when a task runs and not when Airflow parses the file."""
    return from_environ(os.environ)


def client(service: str, given: Settings) -> Any:
    """A boto3 client; the import waits until a task needs AWS."""
    import boto3

    make: Any = boto3.client  # its stubs want the service's name literally
    return make(service, region_name=given.region, endpoint_url=given.endpoint or None)


def runner(given: Settings) -> Runner:
    """The runner that the settings ask for."""
    if given.runner == "emr":
        return runners.emr(given, client("emr-serverless", given), client("s3", given))
    if given.runner == "sagemaker":
        return runners.sagemaker(given, client("sagemaker", given), client("s3", given))
    return runners.local(given)


def registry_options(given: Settings) -> list[str]:
    """The options by which the model's commands find the registry."""
    if given.mlflow_uri:
        return ["--mlflow-uri", given.mlflow_uri]
    return ["--workdir", given.workdir] if given.workdir else []


def check(given: Settings, name: str, *, now: str, hours: int = 24) -> dict[str, Any]:
    """Quality and drift of the `hours` before `now` (ISO 8601): the JSON object of deploy/airflow/checks.py."""
    words = ["--lake", given.lake, "--now", now, "--hours", str(hours)]
    registry = given.mlflow_uri or (f"sqlite:///{given.workdir}/mlflow/mlflow.db" if given.workdir else "")
    words += ["--mlflow-uri", registry] if registry else []
    return runner(given)(name, words, module="deploy.airflow.checks" if given.runner == "local" else "checks")


def has_champion(given: Settings, name: str) -> bool:
    """Whether the registry has a champion."""
    listed = runner(given)(name, ["model", "list", "--json", *registry_options(given)])
    return any("champion" in version.get("aliases", ()) for version in listed.get("versions", ()))


def train(given: Settings, name: str) -> dict[str, Any]:
    """Train and register a version; it becomes challenger, or champion if it is the first."""
    return runner(given)(name, ["model", "train", "--json", *registry_options(given), *given.train_options])


def evaluate(given: Settings, name: str, version: str) -> dict[str, Any] | None:
    """A version's figures on the labelled texts of `moodstream.evaluation_data`; None where there are none."""
    if not given.evaluation_data:
        return None
    words = ["model", "evaluate", "--json", "--data", given.evaluation_data, "--version", version]
    return runner(given)(name, [*words, *registry_options(given)])


def promote(given: Settings, name: str) -> dict[str, Any]:
    """Make the challenger champion if it passes the gates. A closed gate is a result (`refused`), not a failure."""
    try:
        return runner(given)(name, ["model", "promote", "--json", *registry_options(given)])
    except CommandFailed as error:
        # A closed gate ends with exit code 1 and the command's own sentence. A traceback also ends with 1: a failure.
        if error.exit_code != 1 or not error.words.startswith(REFUSAL):
            raise
        return {"refused": error.words.removeprefix(REFUSAL).strip()}


def maintain(given: Settings, name: str) -> dict[str, Any]:
    """Compact and clean the Delta tables."""
    return runner(given)(name, ["maintain", "--lake", given.lake, "--json"])


def day_report(given: Settings, name: str, day: str) -> dict[str, Any] | None:
    """Write the report in pictures of a day to `moodstream.reports`; None if none is wanted or the day has no text."""
    if not given.reports:
        return None
    words = ["report", "--lake", given.lake, "--day", day, "--out", f"{given.reports}/moodstream-{day}.html", "--json"]
    try:
        return runner(given)(name, words)
    except CommandFailed as error:
        if "holds no" in error.words:
            return None
        raise


def crawl(given: Settings) -> list[str]:
    """Start the crawlers, except those that run already; returns the names of all."""
    if not given.crawlers:
        return []
    glue = client("glue", given)
    for crawler in given.crawlers:
        try:
            glue.start_crawler(Name=crawler)
        except glue.exceptions.CrawlerRunningException:
            continue
    return list(given.crawlers)


def refresh_dashboards(given: Settings, name: str) -> list[str]:
    """Ask QuickSight to reload its data sets; repeating the request with the same name changes nothing."""
    if not given.dashboards:
        return []
    quicksight = client("quicksight", given)
    account = client("sts", given).get_caller_identity()["Account"]
    for dataset in given.dashboards:
        quicksight.create_ingestion(AwsAccountId=account, DataSetId=dataset, IngestionId=name)
    return list(given.dashboards)


def notify(given: Settings, subject: str, text: str) -> bool:
    """Publish to the alerts' topic; returns False if none is set."""
    if not given.topic:
        return False
    client("sns", given).publish(TopicArn=given.topic, Subject=subject[:100], Message=text)
    return True

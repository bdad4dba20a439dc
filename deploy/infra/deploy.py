"""`python -m deploy.infra.deploy`: deploys the templates of build/templates and the release of build/dist.

Creates or updates the stacks in their order and uploads the release to the artefact bucket, with the credentials of the
environment. Repeating it is safe: an unchanged stack stays as it is, and each release has a name of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.emr.arguments import Target, job_run
from deploy.infra.errors import DeployError, StackFailed
from deploy.infra.grant import grant
from moodstream import exit_code_of

ORDER = ("data", "stream", "network", "warehouse", "job", "workflow", "ops")
# Not every account has QuickSight: these stacks are deployed if its principals are given, or if --stacks names them.
DASHBOARDS, DASHBOARDS_PARAMETER = ("datasets", "dashboards"), "DashboardAuthors"
DAGS, DAG_KEY = "moodstream-dags.zip", "airflow/dags/moodstream-dags.zip"
ENDED = ("_COMPLETE", "_FAILED")
EXAMPLES = """\
examples:
  make synth package && python -m deploy.infra.deploy --parameter AlertEmail=oncall@example.com
  python -m deploy.infra.deploy --stacks data,stream       only these, in their order
  python -m deploy.infra.deploy --grant --start            then give the job its rights in Redshift, and start it
"""


@dataclass(frozen=True)
class Settings:
    """One deployment. `endpoint` is None on AWS."""

    stacks: tuple[str, ...]
    templates: Path
    dist: Path
    region: str
    endpoint: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    grant: bool = False
    start: bool = False
    poll: float = 5.0

    @property
    def release(self) -> str:
        """The name of the release in build/dist; DeployError if there is none."""
        path = self.dist / "RELEASE"
        if not path.is_file():
            raise DeployError(f"{path} is missing: run `make package` first")
        return path.read_text().strip()


Clients = Callable[[str], Any]
Progress = Callable[[str], None]


def deploy(settings: Settings, client: Clients, progress: Progress) -> dict[str, str]:
    """Create or update every stack; returns the outputs of all stacks by name."""
    outputs: dict[str, str] = {}
    for name in settings.stacks:
        progress(f"stack moodstream-{name}")
        outputs |= bring_up(settings, client("cloudformation"), name)
        if name == "data":
            progress(f"release {settings.release}")
            upload(settings, client("s3"), outputs["ArtefactBucketName"])
    return outputs


def upload(settings: Settings, s3: Any, bucket: str) -> None:
    """Copy the release to a prefix of its own, and the DAGs to the place where Airflow reads them."""
    for path in sorted(settings.dist.iterdir()):
        s3.upload_file(str(path), bucket, f"releases/{settings.release}/{path.name}")
    s3.upload_file(str(settings.dist / DAGS), bucket, DAG_KEY)


def bring_up(settings: Settings, cloudformation: Any, name: str) -> dict[str, str]:
    """Create or update one stack and wait for it; returns its outputs. Raises StackFailed if it was rolled back."""
    path = settings.templates / f"moodstream-{name}.json"
    if not path.is_file():
        raise DeployError(f"{path} is missing: run `make synth` first")
    body = path.read_text()
    request = {
        "StackName": f"moodstream-{name}",
        "TemplateBody": body,
        "Parameters": _parameters(settings, json.loads(body)),
        "Capabilities": ["CAPABILITY_IAM"],
    }
    failed = cloudformation.exceptions.ClientError
    try:
        cloudformation.create_stack(**request)
    except cloudformation.exceptions.AlreadyExistsException:
        try:
            cloudformation.update_stack(**request)
        except failed as error:
            if "No updates are to be performed" not in str(error):
                raise
    return _wait(settings, cloudformation, f"moodstream-{name}")


def start_job(settings: Settings, outputs: Mapping[str, str], emr: Any) -> str:
    """Start the streaming job on EMR Serverless unless it runs already; returns the run's id."""
    application = outputs["ApplicationId"]
    running = emr.list_job_runs(applicationId=application, states=["PENDING", "SCHEDULED", "RUNNING", "SUBMITTED"])
    for run in running["jobRuns"]:
        if run.get("name") == "moodstream":
            return str(run["id"])
    target = Target(
        release=f"s3://{outputs['ArtefactBucketName']}/releases/{settings.release}",
        lake=f"s3://{outputs['LakeBucketName']}",
        stream=outputs["StreamName"],
        region=settings.region,
        mlflow=outputs["MlflowArn"],
        topic=outputs["AlertsTopicName"],
        copy_role=outputs["CopyRoleArn"],
    )
    started = emr.start_job_run(**job_run(target, application=application, role=outputs["EmrRoleArn"]))
    return str(started["jobRunId"])


def _parameters(settings: Settings, template: Mapping[str, Any]) -> list[dict[str, str]]:
    """Those of the given parameters that this template has, and the release."""
    declared = template.get("Parameters", {})
    values = {**settings.parameters, **({"Release": settings.release} if "Release" in declared else {})}
    return [{"ParameterKey": key, "ParameterValue": values[key]} for key in sorted(declared) if key in values]


def _wait(settings: Settings, cloudformation: Any, stack: str) -> dict[str, str]:
    while True:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        status = found["StackStatus"]
        if status.endswith(ENDED) and "IN_PROGRESS" not in status:
            break
        time.sleep(settings.poll)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise StackFailed(f"{stack} is {status}: {_first_reason(cloudformation, stack)}")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    # CDK's own exports connect the stacks with each other; nobody else needs them.
    return {name: value for name, value in outputs.items() if not name.startswith("Exports")}


def _first_reason(cloudformation: Any, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failures = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    if not failures:
        return "CloudFormation gave no reason"
    first = min(failures, key=lambda event: event["Timestamp"])
    return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', '')}"


def from_command_line(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Build the settings; raises DeployError for wrong use."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.infra.deploy",
        description="Upload the release, and create or update the stacks.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    parser.add_argument(
        "--stacks",
        help="names, separated by commas (default: all; QuickSight's if DashboardAuthors is given)",
    )
    parser.add_argument("--templates", type=Path, default=Path("build/templates"), help="default: %(default)s")
    parser.add_argument("--dist", type=Path, default=Path("build/dist"), help="default: %(default)s")
    parser.add_argument("--region", default=region, help="AWS region (AWS_REGION)")
    parser.add_argument("--endpoint", default=environ.get("AWS_ENDPOINT_URL"), help="only for an emulator")
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="parameter of a stack; may be repeated"
    )
    parser.add_argument("--grant", action="store_true", help="let the job own the schema dw in Redshift (first time)")
    parser.add_argument("--start", action="store_true", help="start the streaming job as well")
    given = vars(parser.parse_args(list(argv)))
    pairs = [pair.partition("=") for pair in given.pop("parameter")]
    if wrong := ["".join(pair) for pair in pairs if not pair[1]]:
        raise DeployError(f"--parameter: received '{wrong[0]}', expected NAME=VALUE")
    parameters = {name: value for name, _, value in pairs}
    named = given.pop("stacks")
    every = (*ORDER, *DASHBOARDS) if DASHBOARDS_PARAMETER in parameters else ORDER
    wanted = {name.strip() for name in named.split(",") if name.strip()} if named else set(every)
    if unknown := sorted(wanted - {*ORDER, *DASHBOARDS}):
        expected = ", ".join((*ORDER, *DASHBOARDS))
        raise DeployError(f"--stacks: unknown stack '{unknown[0]}'; expected some of {expected}")
    if not given["region"]:
        raise DeployError("--region: missing; give it or set AWS_REGION")
    return Settings(
        stacks=tuple(name for name in (*ORDER, *DASHBOARDS) if name in wanted),
        parameters=parameters,
        **given,
    )


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Deploy and print the stacks' outputs; returns 0. Raises DeployError."""
    import boto3

    def progress(line: str) -> None:
        sys.stderr.write(line + "\n")

    settings = from_command_line(argv, environ)

    def client(service: str) -> Any:
        make: Any = boto3.client  # its stubs want the service's name literally
        return make(service, region_name=settings.region, endpoint_url=settings.endpoint)

    outputs = deploy(settings, client, progress)
    if settings.grant:
        progress(f"schema dw belongs to {grant(outputs, client)}")
    if settings.start:
        progress(f"job run {start_job(settings, outputs, client('emr-serverless'))}")
    sys.stdout.write(json.dumps(outputs, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of("deploy", main, sys.argv[1:], os.environ))

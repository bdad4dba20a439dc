"""`python -m deploy.infra.deploy`: deploys the templates of build/templates and the release of build/dist.

Creates or updates the stacks in their order and uploads the release to the artefact bucket, with the credentials of the
environment. Repeating it is safe: an unchanged stack stays as it is, and each release has a name of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.emr import releases
from deploy.emr.releases import RELEASES
from deploy.infra.connector import checked_connector
from deploy.infra.errors import DeployError
from deploy.infra.grant import grant
from deploy.infra.job_runs import Runs, completed
from deploy.infra.stacks import Stacks
from deploy.infra.zones import zones
from moodstream import exit_code_of

ORDER = ("data", "stream", "network", "warehouse", "job", "workflow", "ops")
# Stacks that are deployed if a parameter is given or if --stacks names them: not every account has QuickSight, not
# everybody reads a real source, and not everybody wants the dashboard on AWS.
OPTIONAL = {"DashboardAuthors": ("datasets", "dashboards"), "SourceImage": ("sources",), "PagesImage": ("pages",)}
EVERY = (*ORDER, *(name for names in OPTIONAL.values() for name in names))
DAGS, DAG_KEY = "moodstream-dags.zip", "airflow/dags/moodstream-dags.zip"
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
    train: bool = False
    stop: bool = False
    destroy: bool = False
    connector: Path | None = None  # jar of the Kinesis connector, checked
    emr: str | None = None  # label of an EMR release; None: that of the deployed application
    poll: float = 5.0
    load_every: float = 15.0  # seconds

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
    stacks = Stacks(client("cloudformation"), progress, settings.poll)
    for name in settings.stacks:
        progress(f"stack moodstream-{name}")
        template = settings.templates / f"moodstream-{name}.json"
        if not template.is_file():
            raise DeployError(f"{template} is missing: run `make synth` first")
        outputs |= stacks.bring_up(f"moodstream-{name}", template, _given(settings, template, client))
        if name == "data":
            progress(f"release {settings.release}")
            upload(settings, client("s3"), outputs["ArtefactBucketName"])
    return outputs


def _given(settings: Settings, template: Path, client: Clients) -> dict[str, str]:
    """Values of the template's parameters: those of the command line, the release, zones that every service has."""
    declared = json.loads(template.read_text()).get("Parameters", {})
    given = dict(settings.parameters)
    if "Release" in declared:
        given["Release"] = settings.release
    if "EmrRelease" in declared and settings.emr:
        given["EmrRelease"] = settings.emr
    if "FirstZone" in declared and "FirstZone" not in given:
        given |= zones(settings.region, client("ec2"))
    return given


def upload(settings: Settings, s3: Any, bucket: str) -> None:
    """Copy the release to a prefix of its own, and the DAGs to the place where Airflow reads them."""
    for path in sorted(settings.dist.iterdir()):
        s3.upload_file(str(path), bucket, f"releases/{settings.release}/{path.name}")
    if settings.connector:
        key = RELEASES[settings.emr or releases.DEFAULT.label].connector
        s3.upload_file(str(settings.connector), bucket, f"releases/{settings.release}/{key}")
    s3.upload_file(str(settings.dist / DAGS), bucket, DAG_KEY)


def runs(settings: Settings, outputs: Mapping[str, str], client: Clients, progress: Progress, why: str) -> Runs:
    """Job runs of what is deployed; stacks that were not deployed just now are asked for their outputs."""
    stacks = Stacks(client("cloudformation"), progress, settings.poll)
    known = completed(outputs, lambda name: stacks.outputs(f"moodstream-{name}"), why)
    return Runs(
        client("emr-serverless"), known, settings.release, settings.region, progress, settings.poll, settings.load_every
    )


def destroy(settings: Settings, client: Clients, progress: Progress) -> None:
    """Stop the streaming job and delete the stacks, the last first. Buckets, key and stream stay, and are named."""
    stacks = Stacks(client("cloudformation"), progress, settings.poll)
    if "job" in settings.stacks and (job := stacks.outputs("moodstream-job")):
        emr = client("emr-serverless")
        Runs(emr, job, "", settings.region, progress, settings.poll).stop()
        # CloudFormation cannot delete an application that is started.
        emr.stop_application(applicationId=job["ApplicationId"])
    for name in reversed(settings.stacks):
        progress(f"deleting moodstream-{name}")
        stacks.delete(f"moodstream-{name}")


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
        help="names, separated by commas (default: all; datasets and dashboards if DashboardAuthors is given, sources "
        "if SourceImage is, pages if PagesImage is)",
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
    parser.add_argument("--train", action="store_true", help="train a first model on EMR Serverless, before --start")
    parser.add_argument("--stop", action="store_true", help="only stop the streaming job, and wait until it has ended")
    parser.add_argument("--destroy", action="store_true", help="only stop the job and delete the stacks; data stays")
    parser.add_argument(
        "--release",
        dest="emr",
        choices=RELEASES,
        help=f"EMR release of the application (default: what is deployed, else {releases.DEFAULT.label})",
    )
    parser.add_argument("--connector-jar", metavar="FILE", help="the Kinesis connector's jar, to go with the release")
    parser.add_argument("--connector-sha256", metavar="HEX", help="its SHA-256; another file is refused")
    parser.add_argument(
        "--load-every",
        type=_seconds,
        default=15.0,
        metavar="SECONDS",
        help="with --start: time between loads of the warehouse, 1 to 240 (default: %(default)g)",
    )
    given = vars(parser.parse_args(list(argv)))
    emr = RELEASES[given["emr"]] if given["emr"] else releases.DEFAULT
    connector = checked_connector(given.pop("connector_jar"), given.pop("connector_sha256"), emr)
    pairs = [pair.partition("=") for pair in given.pop("parameter")]
    if wrong := ["".join(pair) for pair in pairs if not pair[1]]:
        raise DeployError(f"--parameter: received '{wrong[0]}', expected NAME=VALUE")
    parameters = {name: value for name, _, value in pairs}
    named = given.pop("stacks")
    wanted = {name.strip() for name in named.split(",") if name.strip()} if named else _unnamed(parameters, given)
    if unknown := sorted(wanted - {*EVERY}):
        raise DeployError(f"--stacks: unknown stack '{unknown[0]}'; expected some of {', '.join(EVERY)}")
    if not given["region"]:
        raise DeployError("--region: missing; give it or set AWS_REGION")
    return Settings(
        stacks=tuple(name for name in EVERY if name in wanted),
        parameters=parameters,
        connector=connector,
        **given,
    )


def _unnamed(parameters: Mapping[str, str], given: Mapping[str, Any]) -> set[str]:
    """The stacks that are meant if none is named."""
    if given["destroy"]:
        return set(EVERY)  # an optional stack that stayed would keep the network from being deleted
    return {*ORDER, *(name for parameter, names in OPTIONAL.items() if parameter in parameters for name in names)}


def _seconds(text: str) -> float:
    # Over five minutes the alert `hop_stalled` would take each pause for a stalled hop.
    if not text.isdigit() or not 1 <= int(text) <= 240:
        raise DeployError(f"--load-every: received '{text}', expected seconds from 1 to 240")
    return float(text)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Deploy and print the stacks' outputs; returns 0. Raises DeployError."""
    import boto3

    def progress(line: str) -> None:
        sys.stderr.write(line + "\n")

    settings = from_command_line(argv, environ)

    def client(service: str) -> Any:
        make: Any = boto3.client  # its stubs want the service's name literally
        return make(service, region_name=settings.region, endpoint_url=settings.endpoint)

    if settings.stop:
        progress(f"{runs(settings, {}, client, progress, '--stop').stop()} job runs stopped")
        return 0
    if settings.destroy:
        destroy(settings, client, progress)
        return 0
    outputs = deploy(settings, client, progress)
    if settings.train:
        trained = runs(settings, outputs, client, progress, "--train").train(client("s3"))
        progress(f"model version {trained.get('version', '?')}")
    if settings.grant:
        progress(f"schema dw belongs to {grant(runs(settings, outputs, client, progress, '--grant').outputs, client)}")
    if settings.start:
        progress(f"job run {runs(settings, outputs, client, progress, '--start').start(client('s3'))}")
    sys.stdout.write(json.dumps(outputs, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of("deploy", main, sys.argv[1:], os.environ))

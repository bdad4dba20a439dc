"""Job runs on EMR Serverless: the streaming job, which must never run twice, and the first training."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from deploy.emr.arguments import Target, job_run, training_run
from deploy.emr.releases import RELEASES, Release
from deploy.infra.errors import DeployError, RunFailed

Progress = Callable[[str], None]

NAME = "moodstream"
ALIVE = ("SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING")
ENDED = ("SUCCESS", "FAILED", "CANCELLED")
# EMR's own limit for what a cancelled run may still do, and half an hour for its resources to go.
GRACE_S, CANCEL_WITHIN_S = 300, 2_100
# Which stack says what the runs need: the names of its outputs.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "data": ("ArtefactBucketName", "LakeBucketName", "AlertsTopicName", "KeyName"),
    "stream": ("StreamName",),
    "warehouse": ("CopyRoleArn", "WorkgroupName"),
    "job": ("ApplicationId", "EmrRoleArn", "TrainingRoleArn", "MlflowArn", "EmrReleaseLabel"),
}


def completed(outputs: Mapping[str, str], ask: Callable[[str], Mapping[str, str] | None], why: str) -> dict[str, str]:
    """The outputs, with those of stacks that were not deployed just now; `ask` reads a stack's.

    Raises DeployError if a stack does not exist or is too old to have an output.
    """
    found = dict(outputs)
    for stack, names in NEEDED.items():
        if all(name in found for name in names):
            continue
        theirs = ask(stack)
        if theirs is None:
            raise DeployError(f"{why} needs the stack moodstream-{stack}, which does not exist: deploy it first")
        found |= theirs
        if missing := [name for name in names if name not in found]:
            raise DeployError(f"{why}: the stack moodstream-{stack} has no output {missing[0]}: deploy it again")
    return found


@dataclass(frozen=True)
class Runs:
    """The runs of one application. `poll`: seconds between two looks; `emr`: its boto3 client.

    `load_every`: seconds between loads of the warehouse.
    """

    emr: Any
    outputs: Mapping[str, str]
    release: str
    region: str
    progress: Progress
    poll: float = 5.0
    load_every: float = 15.0

    def start(self, s3: Any) -> str:
        """Start the streaming job unless it runs already; returns the run's id.

        A run that is being cancelled still writes: the next one starts when it has ended. Raises DeployError if the
        release has no Kinesis connector, without which the job would end at once.
        """
        for run in self._streaming(*ALIVE):
            return str(run["id"])
        self._check_connector(s3)
        self._wait_for_cancelled()
        request = job_run(self._target(), application=self._application, role=self.outputs["EmrRoleArn"])
        return str(self.emr.start_job_run(**request)["jobRunId"])

    def stop(self) -> int:
        """Cancel the streaming job, with time to end its batches; returns how many runs were cancelled."""
        found = self._streaming(*ALIVE)
        for run in found:
            self.emr.cancel_job_run(
                applicationId=self._application, jobRunId=run["id"], shutdownGracePeriodInSeconds=GRACE_S
            )
        self._wait_for_cancelled()
        return len(found)

    def train(self, s3: Any) -> dict[str, Any]:
        """Train and register a version, champion if there is none yet; waits, returns the command's result."""
        name = f"first-training-{int(time.time())}"
        result = f"s3://{self.outputs['ArtefactBucketName']}/runs/{name}.json"
        role = self.outputs["TrainingRoleArn"]
        request = training_run(self._target(), application=self._application, role=role, name=name, result=result)
        run = self.emr.start_job_run(**request)["jobRunId"]
        self.progress(f"training run {run}")
        while True:
            state = self.emr.get_job_run(applicationId=self._application, jobRunId=run)["jobRun"]
            if state["state"] in ENDED:
                break
            time.sleep(self.poll)
        where = urlsplit(result)
        try:
            stored = json.loads(s3.get_object(Bucket=where.netloc, Key=where.path.lstrip("/"))["Body"].read())
        except s3.exceptions.NoSuchKey:
            raise RunFailed(f"training run {run} is {state['state']}: {state.get('stateDetails', '')}") from None
        if stored["exit_code"]:
            raise RunFailed(f"training run {run}: exit code {stored['exit_code']}: {stored['error']}")
        return dict(stored["output"] or {})

    @property
    def _application(self) -> str:
        return self.outputs["ApplicationId"]

    @property
    def _emr(self) -> Release:
        """What the application that runs the job has been deployed with."""
        label = self.outputs["EmrReleaseLabel"]
        if label not in RELEASES:
            raise DeployError(f"the application has the EMR release {label}, expected one of {', '.join(RELEASES)}")
        return RELEASES[label]

    def _target(self) -> Target:
        return Target(
            release=f"s3://{self.outputs['ArtefactBucketName']}/releases/{self.release}",
            lake=f"s3://{self.outputs['LakeBucketName']}",
            stream=self.outputs["StreamName"],
            region=self.region,
            mlflow=self.outputs["MlflowArn"],
            topic=self.outputs["AlertsTopicName"],
            copy_role=self.outputs["CopyRoleArn"],
            key=self.outputs["KeyName"],
            load_every=self.load_every,
            emr=self._emr,
        )

    def _check_connector(self, s3: Any) -> None:
        bucket, key = self.outputs["ArtefactBucketName"], f"releases/{self.release}/{self._emr.connector}"
        if "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=key):
            raise DeployError(
                f"--start: s3://{bucket}/{key} does not exist: give --connector-jar and --connector-sha256 too, for "
                f"Scala {self._emr.scala}; EMR's own connector may lose records (docs/deploy/first-deployment.md)"
            )

    def _streaming(self, *states: str) -> list[dict[str, Any]]:
        """The streaming job's runs in these states. Asked for by mode too: STREAMING runs are not listed otherwise."""
        found: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = self.emr.list_job_runs(
                applicationId=self._application, states=list(states), mode="STREAMING", **more
            )
            found += [run for run in page["jobRuns"] if run.get("name") == NAME]
            if "nextToken" not in page:
                return found
            more = {"nextToken": page["nextToken"]}

    def _wait_for_cancelled(self) -> None:
        deadline = time.monotonic() + CANCEL_WITHIN_S
        while ending := self._streaming("CANCELLING"):
            if time.monotonic() > deadline:
                raise RunFailed(f"job run {ending[0]['id']} is still CANCELLING after {CANCEL_WITHIN_S // 60} minutes")
            self.progress(f"job run {ending[0]['id']} is CANCELLING: waiting until it has ended")
            time.sleep(self.poll)

"""The deploy command against services that are in trouble: failed creations, runs that are being cancelled."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.emr import connector
from deploy.emr.releases import EMR_7, EMR_8, Release
from deploy.infra.connector import checked_connector
from deploy.infra.deploy import Settings, _given, from_command_line
from deploy.infra.errors import DeployError, RunFailed
from deploy.infra.job_runs import Runs, completed
from deploy.infra.stacks import Stacks
from deploy.infra.zones import zones
from streaming.sources import connector_build

OUTPUTS = {
    "ArtefactBucketName": "artefacts",
    "LakeBucketName": "lake",
    "AlertsTopicName": "topic",
    "KeyName": "key",
    "StreamName": "events",
    "CopyRoleArn": "copy",
    "WorkgroupName": "moodstream",
    "ApplicationId": "app",
    "EmrRoleArn": "role",
    "TrainingRoleArn": "training",
    "MlflowArn": "mlflow",
    "EmrReleaseLabel": "emr-7.10.0",
}


class FakeCloudFormation:
    """One stack, whose states follow each other at each look. It refuses what CloudFormation refuses."""

    class exceptions:
        ClientError = ClientError

    def __init__(self, *states: str, keeps: tuple[str, ...] = ()) -> None:
        self.states, self.keeps = list(states), keeps
        self.calls: list[str] = []
        self.parameters: list[dict[str, Any]] = []

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if not self.states:
            raise ClientError({"Error": {"Message": f"Stack {StackName} does not exist"}}, "DescribeStacks")
        status = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        known = [{"ParameterKey": "AlertEmail", "ParameterValue": "a@example.com"}]
        return {"Stacks": [{"StackId": "id", "StackStatus": status, "Parameters": known, "Outputs": []}]}

    def create_stack(self, Parameters: list[dict[str, Any]], **_: Any) -> None:
        self.calls.append("create")
        self.parameters = Parameters
        self.states = ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]

    def update_stack(self, Parameters: list[dict[str, Any]], **_: Any) -> None:
        if self.states[0] == "ROLLBACK_COMPLETE":
            raise ClientError({"Error": {"Message": "is in ROLLBACK_COMPLETE state"}}, "UpdateStack")
        self.calls.append("update")
        self.parameters = Parameters

    def delete_stack(self, StackName: str) -> None:
        self.calls.append("delete")
        self.states = ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:
        now = datetime.now(UTC)
        skipped = [
            {"ResourceStatus": "DELETE_SKIPPED", "PhysicalResourceId": kept, "Timestamp": now} for kept in self.keeps
        ]
        return {"StackEvents": skipped}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "moodstream-data.json"
    path.write_text(json.dumps({"Parameters": {"AlertEmail": {"Default": ""}, "New": {"Default": ""}}}))
    return path


def test_a_stack_whose_creation_failed_is_deleted_and_created_again(template: Path) -> None:
    said: list[str] = []
    cloud = FakeCloudFormation("ROLLBACK_COMPLETE", keeps=("the-lake",))
    Stacks(cloud, said.append, poll=0).bring_up("moodstream-data", template, {})
    assert cloud.calls == ["delete", "create"]
    assert "ROLLBACK_COMPLETE" in said[0]
    assert said[1] == "moodstream-data is deleted; it keeps the-lake"


def test_a_deployment_waits_for_one_that_is_under_way(template: Path) -> None:
    cloud = FakeCloudFormation("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
    Stacks(cloud, print, poll=0).bring_up("moodstream-data", template, {})
    assert cloud.calls == ["update"]


def test_a_stack_that_nobody_can_update_is_named_with_the_way_out(template: Path) -> None:
    with pytest.raises(DeployError, match=r"UPDATE_ROLLBACK_FAILED.*continue-update-rollback"):
        Stacks(FakeCloudFormation("UPDATE_ROLLBACK_FAILED"), print, poll=0).bring_up("moodstream-data", template, {})


def test_an_update_keeps_the_parameters_that_it_does_not_name(template: Path) -> None:
    cloud = FakeCloudFormation("CREATE_COMPLETE")
    Stacks(cloud, print, poll=0).bring_up("moodstream-data", template, {"New": "1"})
    assert cloud.parameters == [
        {"ParameterKey": "AlertEmail", "UsePreviousValue": True},
        {"ParameterKey": "New", "ParameterValue": "1"},
    ]


class FakeEmr:
    """An application with one streaming run, whose states follow each other at each listing."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.started: list[dict[str, Any]] = []
        self.cancelled: list[dict[str, Any]] = []

    def list_job_runs(self, states: list[str], **_: Any) -> dict[str, Any]:
        found = [{"id": "run-1", "name": "moodstream"}] if self.states and self.states[0] in states else []
        if self.states and len(self.states) > 1 and found:
            self.states.pop(0)
        return {"jobRuns": found}

    def start_job_run(self, **request: Any) -> dict[str, str]:
        self.started.append(request)
        return {"jobRunId": "run-2"}

    def cancel_job_run(self, **request: Any) -> None:
        self.cancelled.append(request)
        self.states = ["CANCELLING", "CANCELLING", "CANCELLED"]

    def get_job_run(self, **_: Any) -> dict[str, Any]:
        return {"jobRun": {"state": "FAILED", "stateDetails": "out of memory"}}


def runs(emr: FakeEmr, progress: Callable[[str], None] = print) -> Runs:
    return Runs(emr, OUTPUTS, "1", "eu-west-1", progress, poll=0)


class WithConnector:
    """S3 with the connector's jar in the release."""

    def list_objects_v2(self, Prefix: str, **_: Any) -> dict[str, Any]:
        return {"Contents": [{"Key": Prefix}]}


class WithoutConnector:
    """S3 without it."""

    def list_objects_v2(self, **_: Any) -> dict[str, Any]:
        return {"KeyCount": 0}


def test_a_job_without_a_connector_of_its_own_is_not_started() -> None:
    emr = FakeEmr()
    with pytest.raises(DeployError, match=r"releases/1/jars/.* does not exist: give --connector-jar"):
        runs(emr).start(WithoutConnector())
    assert emr.started == []


@pytest.mark.parametrize("state", ["SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING"])
def test_a_job_that_runs_or_is_about_to_is_not_started_again(state: str) -> None:
    emr = FakeEmr(state)
    assert runs(emr).start(WithConnector()) == "run-1"
    assert emr.started == []


def test_a_job_that_is_being_cancelled_ends_before_the_next_one_starts() -> None:
    said: list[str] = []
    emr = FakeEmr("CANCELLING", "CANCELLING", "CANCELLED")
    assert runs(emr, said.append).start(WithConnector()) == "run-2"
    assert said == ["job run run-1 is CANCELLING: waiting until it has ended"] * 2


def test_stopping_gives_the_batches_time_to_end() -> None:
    emr = FakeEmr("RUNNING")
    assert runs(emr).stop() == 1
    assert emr.cancelled == [{"applicationId": "app", "jobRunId": "run-1", "shutdownGracePeriodInSeconds": 300}]


class NoResult:
    """S3 without the object."""

    class exceptions:
        NoSuchKey = KeyError

    def get_object(self, **_: Any) -> dict[str, Any]:
        raise KeyError


def test_a_training_that_leaves_no_result_tells_what_emr_says() -> None:
    with pytest.raises(RunFailed, match="training run run-2 is FAILED: out of memory"):
        runs(FakeEmr()).train(NoResult())


def test_partial_stacks_are_completed_from_what_is_deployed() -> None:
    some = {name: value for name, value in OUTPUTS.items() if name != "StreamName"}
    assert completed(some, lambda stack: {"StreamName": "events"}, "--start") == OUTPUTS


def test_a_missing_stack_is_named() -> None:
    with pytest.raises(DeployError, match="--start needs the stack moodstream-data, which does not exist"):
        completed({}, lambda stack: None, "--start")


def jar(path: Path, scala: str, *methods: str) -> tuple[str, str]:
    """A file that looks like a build of the connector; returns its path and SHA-256."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("org/apache/spark/sql/connector/kinesis/ShardSyncer$.class", " ".join(methods))
        name = f"spark-streaming-sql-kinesis-connector_{scala}"
        archive.writestr(f"META-INF/maven/org.apache.spark/{name}/pom.properties", f"artifactId={name}")
    return str(path), hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_connector_with_another_sum_is_refused(tmp_path: Path) -> None:
    path, right = jar(tmp_path / "connector.jar", "2.12", "openShards")
    assert checked_connector(path, right.upper(), EMR_7) == Path(path)
    with pytest.raises(DeployError, match="it is another build"):
        checked_connector(path, "0" * 64, EMR_7)
    with pytest.raises(DeployError, match="give both, or neither"):
        checked_connector(path, None, EMR_7)


def test_a_connector_for_the_other_scala_is_refused_with_both_lines_named(tmp_path: Path) -> None:
    path, right = jar(tmp_path / "connector.jar", "2.12", "openShards")
    with pytest.raises(DeployError, match=r"for Scala 2\.12; emr-spark-8\.0\.0 has Spark 4\.0 with Scala 2\.13; --rel"):
        checked_connector(path, right, EMR_8)


@pytest.mark.parametrize("release", [EMR_7, EMR_8])
def test_a_connector_that_loses_records_is_refused_before_it_is_uploaded(release: Release, tmp_path: Path) -> None:
    path, right = jar(tmp_path / "connector.jar", release.scala, "updateShard")
    with pytest.raises(DeployError, match="loses records when a shard splits"):
        checked_connector(path, right, release)


def test_a_file_that_is_no_connector_is_refused(tmp_path: Path) -> None:
    (tmp_path / "any.jar").write_bytes(b"1.4.2")
    with pytest.raises(DeployError, match=r"any\.jar is no jar of the awslabs Kinesis connector"):
        checked_connector(str(tmp_path / "any.jar"), hashlib.sha256(b"1.4.2").hexdigest(), EMR_7)


def test_deployment_and_job_look_for_the_same_methods_of_a_connector() -> None:
    assert connector_build.SHARD_SYNCER.replace(".", "/") + ".class" == connector.SHARD_SYNCER
    assert connector.SAFE.decode() == connector_build.SAFE
    assert connector.LOSES_RECORDS.decode() == connector_build.LOSES_RECORDS


def test_an_application_keeps_its_emr_release_unless_the_command_names_one(tmp_path: Path) -> None:
    template = tmp_path / "moodstream-job.json"
    template.write_text(json.dumps({"Parameters": {"EmrRelease": {"Default": "emr-7.10.0"}}}))
    settings = Settings(stacks=("job",), templates=tmp_path, dist=tmp_path, region="eu-west-1")
    assert _given(settings, template, print) == {}
    assert _given(replace(settings, emr=EMR_8.label), template, print) == {"EmrRelease": "emr-spark-8.0.0"}


def test_an_emr_release_that_nobody_has_tried_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        from_command_line(["--region", "eu-west-1", "--release", "emr-spark-9.0.0"], {})
    assert "invalid choice: 'emr-spark-9.0.0'" in capsys.readouterr().err
    assert from_command_line(["--region", "eu-west-1", "--release", "emr-spark-8.0.0"], {}).emr == "emr-spark-8.0.0"


def test_a_job_on_emr_8_starts_only_with_a_connector_for_its_scala() -> None:
    said = {**OUTPUTS, "EmrReleaseLabel": EMR_8.label}
    emr = FakeEmr()
    on_emr_8 = Runs(emr, said, "1", "eu-west-1", print, poll=0)
    with pytest.raises(DeployError, match=r"connector_2\.13\.jar does not exist: give .* for Scala 2\.13"):
        on_emr_8.start(WithoutConnector())
    on_emr_8.start(WithConnector())
    [request] = emr.started
    assert EMR_8.connector in request["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"]


def test_an_application_with_an_unknown_emr_release_gets_no_run() -> None:
    other = Runs(FakeEmr(), {**OUTPUTS, "EmrReleaseLabel": "emr-6.15.0"}, "1", "eu-west-1", print, poll=0)
    with pytest.raises(DeployError, match=r"the EMR release emr-6\.15\.0, expected one of emr-7\.10\.0, emr-spark"):
        other.start(WithConnector())


class FakeEc2:
    """Zones under the names of one account: a is where EMR Serverless is not."""

    def describe_availability_zones(self, **_: Any) -> dict[str, Any]:
        ids = {"us-east-1a": "use1-az3", "us-east-1b": "use1-az1", "us-east-1c": "use1-az6", "us-east-1d": "use1-az2"}
        return {"AvailabilityZones": [{"ZoneName": name, "ZoneId": each} for name, each in ids.items()]}


def test_the_network_lies_in_zones_that_emr_serverless_has() -> None:
    assert zones("us-east-1", FakeEc2()) == {"FirstZone": "us-east-1b", "SecondZone": "us-east-1c"}
    assert zones("eu-west-1", FakeEc2()) == {}


def test_a_pause_between_loads_that_would_raise_an_alert_is_refused() -> None:
    assert from_command_line(["--load-every", "240"], {"AWS_REGION": "eu-west-1"}).load_every == 240
    for wrong in ("900", "0", "soon"):
        with pytest.raises(DeployError, match=f"--load-every: received '{wrong}', expected seconds from 1 to 240"):
            from_command_line(["--load-every", wrong], {"AWS_REGION": "eu-west-1"})


def test_the_command_line_knows_training_stopping_and_removal() -> None:
    settings = from_command_line(["--train", "--start"], {"AWS_REGION": "eu-west-1"})
    assert (settings.train, settings.start, settings.stop, settings.destroy) == (True, True, False, False)


def test_a_connector_is_deployed_if_its_image_is_given_and_destroyed_with_everything_else() -> None:
    here = {"AWS_REGION": "eu-west-1"}
    assert "sources" not in from_command_line([], here).stacks
    image = "SourceImage=1.dkr.ecr.eu-west-1.amazonaws.com/moodstream/connect:0.1.0"
    assert from_command_line(["--parameter", image], here).stacks[-1] == "sources"
    assert set(from_command_line(["--destroy"], here).stacks) >= {"sources", "dashboards", "network"}

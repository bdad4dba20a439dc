"""The templates against the services' own models: clean as they are, and each fault of a known kind is caught.

Every fault below was in the templates once, and would have ended the first deployment in a fresh account.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.emr.arguments import spark_settings
from deploy.infra import checks
from deploy.infra.checks import constraints, requests
from deploy.infra.checks.resolve import Templates
from deploy.infra.checks.rules import EMR_VCPU

ROOT = Path(__file__).resolve().parents[2]
All = dict[str, dict[str, Any]]


def properties(templates: All, stack: str, kind: str) -> dict[str, Any]:
    """The properties of the stack's only resource, or its first, of a type; changes change the template."""
    found: dict[str, Any] = next(r["Properties"] for r in templates[stack]["Resources"].values() if r["Type"] == kind)
    return found


def training_image(templates: All) -> None:
    options = properties(templates, "workflow", "AWS::MWAA::Environment")["AirflowConfigurationOptions"]
    options["moodstream.training_image"] = {"Ref": "TrainingImage"}


def third_airflow_subnet(templates: All) -> None:
    subnets = properties(templates, "workflow", "AWS::MWAA::Environment")["NetworkConfiguration"]["SubnetIds"]
    subnets.append(subnets[0])


def airflow_in_one_zone(templates: All) -> None:
    network = properties(templates, "workflow", "AWS::MWAA::Environment")["NetworkConfiguration"]
    network["SubnetIds"] = [network["SubnetIds"][0]] * 2


def routed_warehouse(templates: All) -> None:
    properties(templates, "warehouse", "AWS::RedshiftServerless::Workgroup")["EnhancedVpcRouting"] = True


def small_function(templates: All) -> None:
    properties(templates, "stream", "AWS::Lambda::Function")["MemorySize"] = 64


def reserved_concurrency(templates: All) -> None:
    properties(templates, "stream", "AWS::Lambda::Function")["ReservedConcurrentExecutions"] = 2


def no_way_out(templates: All) -> None:
    for resource in templates["network"]["Resources"].values():
        if resource["Type"] == "AWS::EC2::SecurityGroup":
            resource["Properties"].pop("SecurityGroupEgress", None)


def too_much_capacity(templates: All) -> None:
    properties(templates, "job", "AWS::EMRServerless::Application")["MaximumCapacity"]["Cpu"] = "64 vCPU"


def unknown_worker(templates: All) -> None:
    properties(templates, "job", "AWS::Glue::Job")["WorkerType"] = "G.0X\n"


def no_delta_on_glue(templates: All) -> None:
    arguments = properties(templates, "job", "AWS::Glue::Job")["DefaultArguments"]
    arguments["--conf"] = "spark.scheduler.mode=FAIR"


def key_of_nobody(templates: All) -> None:
    arguments = properties(templates, "job", "AWS::Glue::Job")["DefaultArguments"]
    text = str(Templates(templates).value("job", arguments["--conf"]))
    arguments["--conf"] = text.split(" --conf spark.hadoop.fs.s3a.encryption.key")[0]


def logs_without_reencrypt(templates: All) -> None:
    for statement in properties(templates, "data", "AWS::KMS::Key")["KeyPolicy"]["Statement"]:
        if isinstance(statement["Action"], list):
            statement["Action"] = [action for action in statement["Action"] if "ReEncrypt" not in action]


def glue_without_its_logs(templates: All) -> None:
    for name, resource in templates["job"]["Resources"].items():
        if name.startswith("GlueRole"):
            for policy in resource["Properties"]["Policies"]:
                kept = [s for s in policy["PolicyDocument"]["Statement"] if s["Sid"] != "EncryptLogs"]
                policy["PolicyDocument"]["Statement"] = kept


def misspelt_property(templates: All) -> None:
    properties(templates, "ops", "AWS::CloudWatch::Alarm")["Treshold"] = 1


def unheard_of_comparison(templates: All) -> None:
    properties(templates, "ops", "AWS::CloudWatch::Alarm")["ComparisonOperator"] = "AboveThreshold"


def connector_without_a_door(templates: All) -> None:
    properties(templates, "sources", "AWS::EC2::SecurityGroupIngress")["FromPort"] = 8443
    properties(templates, "sources", "AWS::EC2::SecurityGroupIngress")["ToPort"] = 8443


def connector_without_a_way_out(templates: All) -> None:
    properties(templates, "sources", "AWS::EC2::SecurityGroup").pop("SecurityGroupEgress")


def unheard_of_network(templates: All) -> None:
    properties(templates, "sources", "AWS::ECS::TaskDefinition")["NetworkMode"] = "vpc"


def connector_without_its_image(templates: All) -> None:
    for name, resource in templates["sources"]["Resources"].items():
        if name.startswith("SourceExecutionRole"):
            for policy in resource["Properties"]["Policies"]:
                kept = [s for s in policy["PolicyDocument"]["Statement"] if s["Sid"] != "PullImage"]
                policy["PolicyDocument"]["Statement"] = kept


FAULTS: Mapping[str, tuple[Callable[[All], None], str]] = {
    "an empty option of Airflow": (training_image, "moodstream.training_image: received 0 characters"),
    "three subnets for MWAA": (third_airflow_subnet, "NetworkConfiguration.SubnetIds: received 3 entries"),
    "one zone for MWAA": (airflow_in_one_zone, "MWAA needs 2 in 2"),
    "enhanced VPC routing in two zones": (routed_warehouse, "enhanced VPC routing needs 3 in 3"),
    "enhanced VPC routing without a way to S3": (routed_warehouse, "no security group lets COPY reach S3"),
    "a number of the wrong size": (small_function, "CreateFunction.MemorySize: received 64, expected at least 128"),
    "a concurrency that a fresh account lacks": (reserved_concurrency, "none to reserve"),
    "workers without a way out": (no_way_out, "no security group lets it reach AWS"),
    "more vCPU than a fresh account has": (too_much_capacity, "a fresh account has 16 vCPU"),
    "a value against the service's pattern": (unknown_worker, "CreateJob.WorkerType"),
    "Glue without Delta's static extension": (no_delta_on_glue, "--conf has no spark.sql.extensions"),
    "SSE-KMS without a key": (key_of_nobody, "with aws/s3 instead of the bucket's key"),
    "a key that CloudWatch Logs cannot use": (logs_without_reencrypt, "CloudWatch Logs may not call kms:ReEncryptFrom"),
    "Glue without the right to its own logs": (glue_without_its_logs, "GlueRole may not call logs:AssociateKmsKey"),
    "a connector that the endpoints do not know": (connector_without_a_door, "lets none of its security groups in"),
    "a connector that reaches nothing": (connector_without_a_way_out, "no security group lets it reach AWS (443)"),
    "a network mode that ECS does not know": (unheard_of_network, "RegisterTaskDefinition.networkMode"),
    "ECS without the right to the image": (connector_without_its_image, "may not call ecr:BatchGetImage"),
    "a property that the call does not know": (misspelt_property, "Treshold: the service knows no such member"),
    "a value that is not among the service's": (unheard_of_comparison, "ComparisonOperator: received 'AboveThreshold'"),
}


def test_the_services_would_accept_every_resource(templates: All) -> None:
    assert checks.findings(templates) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault: str, templates: All) -> None:
    plant, sentence = FAULTS[fault]
    faulty = copy.deepcopy(templates)
    plant(faulty)
    assert [line for line in checks.findings(faulty) if sentence in line]


def test_every_type_of_resource_has_a_call_or_a_reason_for_none(templates: All) -> None:
    kinds = {resource["Type"] for template in templates.values() for resource in template["Resources"].values()}
    assert kinds - set(requests.CALLS) - set(requests.NOT_COMPARED) == set()
    assert {kind for kind in kinds if kind in requests.CALLS and kind in requests.NOT_COMPARED} == set()


def test_the_models_hold_the_limits_that_botocore_itself_ignores() -> None:
    shape = requests.model("mwaa").operation_model("CreateEnvironment").input_shape
    request = {
        "Name": "1",
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/x",
        "SourceBucketArn": "arn:aws:s3:::x",
        "DagS3Path": "dags",
        "NetworkConfiguration": {"SubnetIds": ["subnet-1"]},
    }
    assert list(constraints.problems(request, shape)) == [
        ".Name: received '1', expected the pattern [a-zA-Z][0-9a-zA-Z-_]*",
        ".NetworkConfiguration.SubnetIds: received 1 entries, expected at least 2",
    ]


def test_job_and_one_batch_run_fit_into_a_fresh_account() -> None:
    settings = spark_settings("emr")
    job = int(settings["spark.driver.cores"])
    job += int(settings["spark.executor.cores"]) * int(settings["spark.executor.instances"])
    runners = (ROOT / "deploy/airflow/dags/moodstream_tasks/runners.py").read_text()
    block = runners.split("BATCH_SIZES = (")[1].split("\n)\n")[0]
    sizes = dict(line.strip().strip('",').split("=") for line in block.strip().splitlines())
    batch = int(sizes["spark.driver.cores"])
    batch += int(sizes["spark.executor.cores"]) * int(sizes["spark.executor.instances"])
    assert sizes["spark.dynamicAllocation.enabled"] == "false"
    assert job + batch <= EMR_VCPU


def test_the_glue_job_s_static_settings_are_the_session_s_own(templates: All) -> None:
    from streaming.session import JOB

    conf = properties(templates, "job", "AWS::Glue::Job")["DefaultArguments"]["--conf"]
    text = str(Templates(templates).value("job", conf))
    for name in ("spark.sql.extensions", "spark.sql.catalog.spark_catalog"):
        assert f"{name}={JOB[name]}" in text


def test_no_setting_encrypts_without_naming_a_key() -> None:
    entries = tomllib.loads((ROOT / "deploy/emr/spark-settings.toml").read_text())["setting"]
    assert [entry["name"] for entry in entries if "encryption" in entry["name"]] == []

"""Evaluates calls against the policies of the templates: action, resource and conditions, as IAM does.

`SERVICE_CALLS` are the calls that services make in a role's name, which no line of the project shows. Each has the page
that says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.infra.checks.resolve import ACCOUNT, REGION, Resource, Templates

HASHED = 8  # CDK ends a logical id with so many characters of a hash


@dataclass(frozen=True)
class Call:
    """One request in a role's name. `context` holds the condition keys that the request carries."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        carried = "".join(f", {key} = {value}" for key, value in self.context.items())
        return f"{self.action} on {self.resource}{carried}"


class Policies:
    """What each role of the templates may do."""

    def __init__(self, templates: Templates) -> None:
        managed = {p.ref: p for p in templates.resources("AWS::IAM::ManagedPolicy")}
        self._statements: dict[str, list[Mapping[str, Any]]] = {}
        for role in templates.resources("AWS::IAM::Role"):
            documents = [policy["PolicyDocument"] for policy in role.properties.get("Policies", [])]
            attached = role.properties.get("ManagedPolicyArns", [])
            documents += [managed[arn].properties["PolicyDocument"] for arn in attached]
            self._statements[role.name[:-HASHED]] = [s for document in documents for s in document["Statement"]]
        by_ref: dict[str, Resource] = {role.ref: role for role in templates.resources("AWS::IAM::Role")}
        for policy in templates.resources("AWS::IAM::Policy"):
            for ref in policy.properties["Roles"]:
                self._statements[by_ref[ref].name[:-HASHED]] += policy.properties["PolicyDocument"]["Statement"]

    def allow(self, role: str, call: Call) -> bool:
        """Whether a statement of the role allows the call and none denies it."""
        effects = {s["Effect"] for s in self._statements.get(role, []) if _applies(s, call)}
        return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], call: Call) -> bool:
    return (
        any(_matches(each, call.action, ignore_case=True) for each in _listed(statement["Action"]))
        and any(_matches(each, call.resource) for each in _listed(statement["Resource"]))
        and all(_holds(operator, keys, call) for operator, keys in statement.get("Condition", {}).items())
    )


def _holds(operator: str, keys: Mapping[str, Any], call: Call) -> bool:
    """StringEquals, StringLike, ArnEquals and ArnLike; any other operator counts as not met."""
    like = {"StringLike": True, "ArnLike": True, "StringEquals": False, "ArnEquals": False}.get(operator)
    if like is None:
        return False
    return all(
        key in call.context
        and any(_matches(each, call.context[key]) if like else each == call.context[key] for each in _listed(wanted))
        for key, wanted in keys.items()
    )


def _matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


GLUE_GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws-glue/jobs/logs-v2-moodstream-job"
GLUE_LOGS = "https://docs.aws.amazon.com/glue/latest/dg/set-up-encryption.html"
GLUE_METRICS = "https://docs.aws.amazon.com/glue/latest/dg/monitor-cloudwatch.html"
SAGEMAKER = "https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html"
MWAA = "https://docs.aws.amazon.com/mwaa/latest/userguide/mwaa-create-role.html"
MWAA_KEY = "https://docs.aws.amazon.com/mwaa/latest/userguide/custom-keys-certs.html"
COPY = "https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-access-permissions.html"
ECS_START = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html"
ECS_SESSION = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html"
MLFLOW = "https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow-create-tracking-server-iam.html"


def service_calls(templates: Templates) -> Iterator[tuple[str, Call, str]]:
    """The role, the call that a service makes in its name, and the page that lists it."""
    buckets = {b.name[: -len("961B73FD")]: b.ref for b in templates.resources("AWS::S3::Bucket")}
    key = next(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{k.ref}" for k in templates.resources("AWS::KMS::Key"))
    artefacts, lake = f"arn:aws:s3:::{buckets['Artefacts']}", f"arn:aws:s3:::{buckets['Lake']}"

    for action in ("logs:CreateLogGroup", "logs:AssociateKmsKey", "logs:CreateLogStream", "logs:PutLogEvents"):
        yield "GlueRole", Call(action, f"{GLUE_GROUP}:*"), GLUE_LOGS
    yield "GlueRole", Call("glue:GetSecurityConfiguration", "*"), GLUE_LOGS
    yield "GlueRole", Call("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Glue"}), GLUE_METRICS
    crawled = GLUE_GROUP.replace("jobs/logs-v2-moodstream-job", "crawlers-moodstream")
    yield "CrawlerRole", Call("logs:AssociateKmsKey", f"{crawled}:*"), GLUE_LOGS
    yield "CrawlerRole", Call("glue:GetSecurityConfiguration", "*"), GLUE_LOGS
    yield "TrainingRole", Call("s3:ListBucket", artefacts, {"s3:prefix": "releases/0.1.0-0123456789ab/"}), SAGEMAKER
    yield "TrainingRole", Call("s3:GetObject", f"{artefacts}/releases/0.1.0-0123456789ab/run_command.py"), SAGEMAKER
    yield "TrainingRole", Call("s3:PutObject", f"{artefacts}/runs/moodstream-1/output/output.tar.gz"), SAGEMAKER
    for action in ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"):
        yield "AirflowRole", Call(action, key), MWAA_KEY
    yield "AirflowRole", Call("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AmazonMWAA"}), MWAA
    yield "AirflowRole", Call("s3:GetObject", f"{artefacts}/airflow/dags/moodstream-dags.zip"), MWAA
    yield "AirflowRole", Call("s3:ListBucket", artefacts, {"s3:prefix": "airflow/dags"}), MWAA
    yield "CopyRole", Call("s3:GetObject", f"{lake}/staging/load-1/part-0.parquet"), COPY
    yield "CopyRole", Call("s3:ListBucket", lake, {"s3:prefix": "staging/load-1/part-0.parquet"}), COPY
    yield "CopyRole", Call("kms:Decrypt", key), COPY
    yield from _container_calls(templates)
    yield "MlflowRole", Call("s3:PutObject", f"{artefacts}/mlflow/1/models/m-1/artifacts/MLmodel"), MLFLOW
    yield "MlflowRole", Call("s3:ListBucket", artefacts, {"s3:prefix": "mlflow/"}), MLFLOW


def _container_calls(templates: Templates) -> Iterator[tuple[str, Call, str]]:
    """What ECS calls to start a container, to write its log, and to forward a port of the dashboard's."""
    for role, stack, name in (
        ("SourceExecutionRole", "sources", "connect"),
        ("PagesExecutionRole", "pages", "dashboard"),
    ):
        image = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/moodstream/{name}"
        yield role, Call("ecr:GetAuthorizationToken", "*"), ECS_START
        for action in ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"):
            yield role, Call(action, image), ECS_START
        for group in templates.resources("AWS::Logs::LogGroup"):
            if group.stack == stack:
                log_stream = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group.ref}:log-stream:prefix/container/1"
                yield role, Call("logs:CreateLogStream", log_stream), ECS_START
                yield role, Call("logs:PutLogEvents", log_stream), ECS_START
    for channel in ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"):
        yield "PagesRole", Call(f"ssmmessages:{channel}", "*"), ECS_SESSION


def refused(policies: Policies, calls: Iterable[tuple[str, Call, str]]) -> list[str]:
    """One line for each call that its role may not make, with the reason that it is made."""
    return [f"{role} may not call {call} ({why})" for role, call, why in calls if not policies.allow(role, call)]


def findings(templates: Templates) -> list[str]:
    """The calls of services that no statement allows."""
    return refused(Policies(templates), service_calls(templates))

"""The two roles of a connector's container: what ECS does to start it, and what the connector itself does."""

from __future__ import annotations

from aws_cdk import CfnCondition, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3

from deploy.infra import actors, containers
from deploy.infra.actors import Grant
from deploy.infra.containers import SERVICE

REPOSITORY = "moodstream/connect"


def execution(
    stack: Stack, *, log_group: logs.ILogGroup, key: kms.IKey, secret: str, has_secret: CfnCondition
) -> iam.Role:
    """The role in which ECS fetches the image and the secret, and writes the log."""
    role = containers.execution(
        stack,
        "SourceExecutionRole",
        repository=REPOSITORY,
        log_group=log_group,
        description="Moodstream: ECS starts the connector's container",
    )
    _read_secret(stack, role, secret, key).cfn_options.condition = has_secret
    return role


def _read_secret(stack: Stack, role: iam.Role, secret: str, key: kms.IKey) -> iam.CfnPolicy:
    """A policy of its own, since without a secret there is nothing to read, and nothing for the key to decrypt."""
    grants = [Grant("ReadSecret", ["secretsmanager:GetSecretValue"], [secret]), actors.use_key(key, writes=False)]
    policy = iam.Policy(stack, "SourceSecretPolicy", document=actors.document(grants), roles=[role])
    return policy.node.default_child


def task(stack: Stack, *, stream: kinesis.IStream, lake: s3.IBucket, key: kms.IKey, cursor: str) -> iam.Role:
    """The role of the connector: one stream, one object of the lake, one namespace of metrics."""
    grants = [
        Grant("PutEvents", ["kinesis:PutRecords", "kinesis:ListShards"], [stream.stream_arn]),
        Grant("KeepCursor", ["s3:GetObject", "s3:PutObject"], [lake.arn_for_objects(cursor)]),
        Grant("FindCursor", ["s3:ListBucket"], [lake.bucket_arn], conditions={"StringEquals": {"s3:prefix": cursor}}),
        actors.use_key(key),
        Grant(
            "Measure",
            ["cloudwatch:PutMetricData"],
            ["*"],
            why="the action knows no resource; the condition keeps it to one namespace",
            conditions={"StringEquals": {"cloudwatch:namespace": actors.NAMESPACE}},
        ),
    ]
    return actors.role(
        stack, "SourceRole", SERVICE, grants, description="Moodstream: a connector puts events into one stream"
    )

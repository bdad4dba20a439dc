"""Roles of the services and jobs: every permission as a statement, with a reason wherever a wildcard is needed.

The statements are written out because CDK's `grant_*` methods allow more than a call needs (`s3:GetObject*`,
`kms:ReEncrypt*`). `tests/packaging/test_infra_permissions.py` names the call that needs each action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from deploy.infra.nag import allow

COLON = ArnFormat.COLON_RESOURCE_NAME
NAMESPACE = "Moodstream"
# What the job and operators' commands write: tables, checkpoints, the lease, the journal of operations, records and
# receipts of erasures.
DELTA_LAYERS = ("bronze", "silver", "gold", "_checkpoints", "_lease", "_operations", "_erasures", "_receipts")


@dataclass(frozen=True)
class Grant:
    """One statement of a policy. A wildcard resource needs a reason, `why`, which the cdk-nag report shows."""

    sid: str
    actions: Sequence[str]
    resources: Sequence[str]
    why: str = ""
    conditions: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any("*" in action for action in self.actions):
            raise ValueError(f"{self.sid}: received {list(self.actions)}, expected actions without a wildcard")
        if any("*" in resource for resource in self.resources) and not self.why:
            raise ValueError(f"{self.sid}: a resource has a wildcard, so state the reason as `why`")

    def statement(self) -> iam.PolicyStatement:
        """The IAM statement of this grant."""
        return iam.PolicyStatement(
            sid=self.sid,
            actions=list(self.actions),
            resources=list(self.resources),
            conditions=dict(self.conditions),
        )


def role(
    scope: Construct,
    name: str,
    service: str,
    grants: Sequence[Grant],
    *,
    description: str,
    more_services: Sequence[str] = (),
    guarded: bool = True,
) -> iam.Role:
    """A role that only `service`, acting for this account, can assume, with `grants` as its only inline policy.

    `guarded=False` is for services that do not send `aws:SourceAccount` when they assume a role.
    """
    account = {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
    principals = [
        iam.ServicePrincipal(each, conditions=account if guarded else None) for each in (service, *more_services)
    ]
    made = iam.Role(
        scope,
        name,
        assumed_by=iam.CompositePrincipal(*principals) if more_services else principals[0],
        description=description,
        inline_policies={"Grants": document(grants)} if grants else None,
    )
    excuse(made, grants)
    return made


def document(grants: Sequence[Grant]) -> iam.PolicyDocument:
    """The grants as one policy document, in their order."""
    return iam.PolicyDocument(statements=[grant.statement() for grant in grants], minimize=False)


def excuse(construct: Construct, grants: Sequence[Grant]) -> None:
    """Pass the reasons for wildcards to cdk-nag."""
    reasons = [f"{grant.sid}: {grant.why}" for grant in grants if grant.why]
    if reasons:
        allow(construct, "AwsSolutions-IAM5", "; ".join(reasons))


def use_key(key: kms.IKey, *, writes: bool = True) -> Grant:
    """Read and, unless `writes` is false, write data that the key encrypts."""
    actions = ["kms:Decrypt", "kms:GenerateDataKey"] if writes else ["kms:Decrypt"]
    return Grant("UseKey", actions, [key.key_arn])


def list_bucket(bucket: s3.IBucket, sid: str, prefixes: Sequence[str]) -> Grant:
    """List a bucket's objects below the prefixes."""
    return Grant(
        sid,
        ["s3:ListBucket"],
        [bucket.bucket_arn],
        conditions={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
    )


def write_logs(sid: str, group_arn: str) -> Grant:
    """Write to the log streams of one existing log group."""
    return Grant(
        sid,
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        [f"{group_arn}:*"],
        why="a log stream's name is made up by the service at run time",
    )


def crawler(scope: Construct, *, lake: s3.IBucket, key: kms.IKey, database: str) -> iam.Role:
    """The role of the Glue crawlers, which read Delta logs and update the catalogue's tables of one database."""
    stack = Stack.of(scope)
    catalogue = [
        stack.format_arn(service="glue", resource="catalog"),
        stack.format_arn(service="glue", resource="database", resource_name=database),
        stack.format_arn(service="glue", resource="table", resource_name=f"{database}/*"),
    ]
    log_group = stack.format_arn(
        service="logs", resource="log-group", resource_name="/aws-glue/crawlers*", arn_format=COLON
    )
    grants = [
        list_bucket(lake, "ListTables", ["silver/", "gold/"]),
        Grant(
            "ReadTables",
            ["s3:GetObject"],
            [lake.arn_for_objects("silver/*"), lake.arn_for_objects("gold/*")],
            why="every object of the crawled tables",
        ),
        use_key(key, writes=False),
        Grant(
            "KeepCatalogue",
            [
                "glue:GetDatabase",
                "glue:GetTable",
                "glue:GetTables",
                "glue:CreateTable",
                "glue:UpdateTable",
                "glue:GetPartitions",
                "glue:BatchCreatePartition",
            ],
            catalogue,
            why="the crawler names the tables after the folders it finds, within one database",
        ),
        Grant(
            "WriteCrawlerLogs",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:AssociateKmsKey"],
            [log_group, f"{log_group}:*"],
            why="Glue makes the log group of crawlers with a security configuration itself",
        ),
        Grant(
            "ReadSecurityConfiguration",
            ["glue:GetSecurityConfiguration"],
            ["*"],
            why="the action knows no resource-level permission",
        ),
    ]
    return role(
        scope,
        "CrawlerRole",
        "glue.amazonaws.com",
        grants,
        description="Moodstream: Glue crawlers over silver and gold",
    )

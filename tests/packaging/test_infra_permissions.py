"""No privilege too few, none too many: every call has its statement, every statement its call."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from deploy.infra.checks.access import Call, Policies
from deploy.infra.checks.resolve import ACCOUNT, REGION, Templates
from streaming.corrections.journal import JOURNAL
from streaming.lease.storage import NAME as LEASE
from streaming.operations.erase.command import RECEIPTS
from streaming.operations.erase.record import FOLDER as ERASURES
from tests.packaging import calls, policies

ROOT = Path(__file__).resolve().parents[2]

# Whose code runs under which role (or under the policy that its roles share).
CODE = {
    "GeneratorRole": [*ROOT.glob("deploy/lambda/*.py"), *ROOT.glob("generator/**/*.py")],
    # Operators' commands (streaming/operations) run with the same policy: see docs/security.md.
    "JobPolicy": [*ROOT.glob("streaming/**/*.py")],
    "TrainingRole": [ROOT / "deploy/emr/run_command.py"],
    "AirflowRole": [*ROOT.glob("deploy/airflow/dags/**/*.py")],
    "SourceRole": [*ROOT.glob("connectors/**/*.py")],
}

CHANNELS = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
S3A = "Spark's S3 client and delta-rs read, write and list Delta tables and checkpoints"
KMS = "S3, Kinesis or SNS use the key in the caller's name"
MLFLOW = "MLflow's client: the registry through the App, artefacts straight from S3"
AIRFLOW = "MWAA itself, in the environment's role"
ECS = "ECS starts the container: it fetches image and secret, and writes the log"
EMR_LOGS = "EMR Serverless writes the job's logs in the job's role"

START_OF_A_CONTAINER = dict.fromkeys(
    [
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ],
    ECS,
)

# What libraries and services call in the role's name, which no line of ours shows. From their documentation.
PLATFORM = {
    "GeneratorRole": {
        "kms:Decrypt": KMS,
        "kms:GenerateDataKey": KMS,
        "logs:CreateLogStream": "Lambda's runtime",
        "logs:PutLogEvents": "Lambda's runtime",
        "sqs:SendMessage": "Lambda's runtime hands a failed run to the dead-letter queue",
    },
    "ArchiveRole": {
        **dict.fromkeys(
            ["kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"],
            "Firehose reads its source",
        ),
        **dict.fromkeys(
            [
                "s3:PutObject",
                "s3:AbortMultipartUpload",
                "s3:ListBucket",
                "s3:ListBucketMultipartUploads",
                "s3:GetBucketLocation",
            ],
            "Firehose writes its objects",
        ),
        "kms:Decrypt": KMS,
        "kms:GenerateDataKey": KMS,
        "logs:PutLogEvents": "Firehose reports failed deliveries",
    },
    "JobPolicy": {
        **dict.fromkeys(
            ["kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"],
            "the awslabs connector, consumer type GetRecords (its README)",
        ),
        **dict.fromkeys(
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:AbortMultipartUpload"], S3A
        ),
        "kms:Decrypt": KMS,
        "kms:GenerateDataKey": KMS,
        "sagemaker:CallMlflowAppApi": MLFLOW,
        "redshift-serverless:GetCredentials": "the Data API logs in to a Serverless workgroup as the caller",
    },
    "EmrRole": dict.fromkeys(
        ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams", "logs:DescribeLogGroups"], EMR_LOGS
    ),
    # Its calls, with resources and sources: deploy/infra/checks/access.py.
    "GlueRole": {
        **dict.fromkeys(
            [
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                "logs:AssociateKmsKey",
                "glue:GetSecurityConfiguration",
            ],
            "Glue writes its encrypted logs in the job's role",
        ),
        "cloudwatch:PutMetricData": "Glue's own metrics",
    },
    "CopyRole": {
        "s3:ListBucket": "COPY finds the staged files",
        "s3:GetObject": "COPY reads them",
        "kms:Decrypt": KMS,
    },
    "CrawlerRole": {
        **dict.fromkeys(["s3:ListBucket", "s3:GetObject"], "the crawler reads Delta's logs"),
        "kms:Decrypt": KMS,
        **dict.fromkeys(
            [
                "glue:GetDatabase",
                "glue:GetTable",
                "glue:GetTables",
                "glue:CreateTable",
                "glue:UpdateTable",
                "glue:GetPartitions",
                "glue:BatchCreatePartition",
            ],
            "the crawler keeps the catalogue",
        ),
        **dict.fromkeys(
            [
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                "logs:AssociateKmsKey",
                "glue:GetSecurityConfiguration",
            ],
            "the crawler writes encrypted logs",
        ),
    },
    "SourceExecutionRole": START_OF_A_CONTAINER,
    "PagesExecutionRole": START_OF_A_CONTAINER,
    "PagesRole": {
        **dict.fromkeys(["s3:GetObject", "s3:ListBucket"], "delta-rs reads Delta tables"),
        "kms:Decrypt": KMS,
        **dict.fromkeys(
            [f"ssmmessages:{channel}" for channel in CHANNELS], "the agent of sessions, in the task's role"
        ),
    },
    # The policy of the execution role that exists if there is a secret.
    "SourceSecretPolicy": {"secretsmanager:GetSecretValue": ECS, "kms:Decrypt": "Secrets Manager uses the key"},
    "SourceRole": {"kms:Decrypt": KMS, "kms:GenerateDataKey": KMS},
    "NetworkRole": dict.fromkeys(
        [
            "ec2:CreateNetworkInterface",
            "ec2:ModifyNetworkInterfaceAttribute",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
        ],
        "QuickSight's VPC connection keeps interfaces (its user guide)",
    ),
    "MlflowRole": {
        **dict.fromkeys(["s3:ListBucket", "s3:GetObject", "s3:PutObject"], "the MLflow App keeps artefacts"),
        "kms:Decrypt": KMS,
        "kms:GenerateDataKey": KMS,
    },
    "TrainingRole": {
        **dict.fromkeys(
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:AbortMultipartUpload"], S3A
        ),
        "kms:Decrypt": KMS,
        "kms:GenerateDataKey": KMS,
        "sagemaker:CallMlflowAppApi": MLFLOW,
        "logs:CreateLogGroup": "SageMaker writes the training job's log",
        **dict.fromkeys(
            ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams", "logs:DescribeLogGroups"],
            EMR_LOGS,
        ),
    },
    "AirflowRole": {
        **dict.fromkeys(
            [
                "s3:GetObject",
                "s3:GetObjectVersion",
                "s3:ListBucket",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetEncryptionConfiguration",
                "s3:GetAccountPublicAccessBlock",
                "airflow:PublishMetrics",
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                "logs:GetLogEvents",
                "logs:GetLogRecord",
                "logs:GetLogGroupFields",
                "logs:GetQueryResults",
                "logs:DescribeLogGroups",
                "cloudwatch:PutMetricData",
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ReceiveMessage",
                "sqs:SendMessage",
            ],
            AIRFLOW,
        ),
        **dict.fromkeys(
            [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
            ],
            "MWAA's guide lists them for an environment with a key of one's own",
        ),
        "iam:PassRole": "StartJobRun and CreateTrainingJob hand the training role on",
        "sagemaker:AddTags": "CreateTrainingJob is called with tags",
    },
}
# Every prefix of the lake that the project's code writes, lists and cleans up: from the code's own constants.
LAKE_PREFIXES = ("bronze", "silver", "gold", "_checkpoints", LEASE, JOURNAL, ERASURES, RECEIPTS)
# The role that CDK makes for the VPC's flow log; the service writes the log.
FLOW_LOG = {"logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"}


@pytest.fixture(scope="module")
def allowed(templates: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for owner, statement in policies.statements(templates):
        assert statement["Effect"] == "Allow"
        found[owner] |= set(policies.actions(statement))
    return found


def named(paths: list[Path]) -> set[str]:
    """Every action that some call may stand for."""
    return set().union(*calls.actions(paths))


@pytest.mark.parametrize("role", sorted(CODE))
def test_every_call_in_the_code_has_a_statement_that_allows_it(role: str, allowed: dict[str, set[str]]) -> None:
    assert [call for call in calls.actions(CODE[role]) if not call & allowed[role]] == []


def test_the_scan_finds_calls_at_all() -> None:
    assert {"kinesis:PutRecords"} in calls.actions(CODE["GeneratorRole"])
    assert {"sns:Publish", "cloudwatch:PutMetricData"} <= named(CODE["JobPolicy"])
    assert {"glue:StartCrawler", "emr-serverless:StartJobRun"} <= named(CODE["AirflowRole"])


def test_no_statement_allows_what_no_call_needs(allowed: dict[str, set[str]]) -> None:
    surplus = {
        role: sorted(unneeded)
        for role, granted in allowed.items()
        if "Flow" not in role and (unneeded := granted - set(PLATFORM.get(role, {})) - named(CODE.get(role, [])))
    }
    assert surplus == {}


def test_what_services_are_said_to_call_is_allowed(allowed: dict[str, set[str]]) -> None:
    missing = {role: sorted(set(needed) - allowed[role]) for role, needed in PLATFORM.items()}
    assert {role: actions for role, actions in missing.items() if actions} == {}


def test_the_flow_log_role_writes_logs_and_nothing_else(allowed: dict[str, set[str]]) -> None:
    roles = [name for name in allowed if "Flow" in name]
    assert roles
    assert set().union(*(allowed[role] for role in roles)) <= FLOW_LOG


def test_no_action_holds_a_wildcard(allowed: dict[str, set[str]]) -> None:
    assert [action for granted in allowed.values() for action in granted if "*" in action] == []


def test_a_statement_over_all_resources_is_bound_by_a_condition_or_has_no_other_form(
    templates: dict[str, dict[str, Any]],
) -> None:
    no_resource_known = {
        "logs:DescribeLogGroups",
        "glue:GetSecurityConfiguration",
        "s3:GetAccountPublicAccessBlock",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
        "ecr:GetAuthorizationToken",
        *(f"ssmmessages:{channel}" for channel in CHANNELS),
    }
    unbound = [
        (owner, action)
        for owner, statement in policies.statements(templates)
        if statement["Resource"] == "*" and not statement.get("Condition")
        for action in policies.actions(statement)
        if action not in no_resource_known
    ]
    assert unbound == []


@pytest.mark.parametrize("prefix", LAKE_PREFIXES)
@pytest.mark.parametrize("role", ["EmrRole", "GlueRole", "TrainingRole"])
def test_job_and_operations_may_use_every_prefix_of_the_lake(
    role: str, prefix: str, templates: dict[str, dict[str, Any]]
) -> None:
    resolved = Templates(templates)
    lake = next(f"arn:aws:s3:::{b.ref}" for b in resolved.resources("AWS::S3::Bucket") if b.name.startswith("Lake"))
    listing = Call("s3:ListBucket", lake, {"s3:prefix": f"{prefix}/"})
    writing = [
        Call(action, f"{lake}/{prefix}/some/file.json")
        for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
    ]
    allowed = Policies(resolved)
    assert [str(call) for call in (listing, *writing) if not allowed.allow(role, call)] == []


def test_nobody_may_touch_a_prefix_that_the_code_does_not_use(templates: dict[str, dict[str, Any]]) -> None:
    resolved = Templates(templates)
    lake = next(f"arn:aws:s3:::{b.ref}" for b in resolved.resources("AWS::S3::Bucket") if b.name.startswith("Lake"))
    allowed = Policies(resolved)
    for role in ("EmrRole", "GlueRole", "TrainingRole"):
        assert not allowed.allow(role, Call("s3:GetObject", f"{lake}/landing/2026/01/01/file.gz"))
        assert not allowed.allow(role, Call("s3:ListBucket", lake, {"s3:prefix": ""}))
        assert not allowed.allow(role, Call("s3:ListBucket", lake))


def test_a_connector_may_use_its_own_cursor_its_stream_and_nothing_else(templates: dict[str, dict[str, Any]]) -> None:
    resolved, role = Templates(templates), "SourceRole"
    lake = next(f"arn:aws:s3:::{b.ref}" for b in resolved.resources("AWS::S3::Bucket") if b.name.startswith("Lake"))
    stream = next(s.ref for s in resolved.resources("AWS::Kinesis::Stream"))
    cursor = "cursors/moodstream-sources/bluesky.json"
    allowed = Policies(resolved)
    needed = [
        Call("s3:GetObject", f"{lake}/{cursor}"),
        Call("s3:PutObject", f"{lake}/{cursor}"),
        Call("s3:ListBucket", lake, {"s3:prefix": cursor}),
        Call("kinesis:PutRecords", f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}"),
        Call("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Moodstream"}),
    ]
    assert [str(call) for call in needed if not allowed.allow(role, call)] == []
    forbidden = [
        Call("s3:GetObject", f"{lake}/cursors/moodstream-sources-reddit/reddit.json"),
        Call("s3:PutObject", f"{lake}/bronze/events/part-0.parquet"),
        Call("s3:DeleteObject", f"{lake}/{cursor}"),
        Call("s3:ListBucket", lake, {"s3:prefix": "cursors/"}),
        Call("kinesis:PutRecords", f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/another"),
        Call("kinesis:GetRecords", f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}"),
        Call("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/Kinesis"}),
        Call("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:x-AbCdEf"),
    ]
    assert [str(call) for call in forbidden if allowed.allow(role, call)] == []


def test_the_dashboard_may_read_tables_and_write_nothing(templates: dict[str, dict[str, Any]]) -> None:
    resolved, role = Templates(templates), "PagesRole"
    lake = next(f"arn:aws:s3:::{b.ref}" for b in resolved.resources("AWS::S3::Bucket") if b.name.startswith("Lake"))
    allowed = Policies(resolved)
    needed = [
        Call("s3:GetObject", f"{lake}/gold/sentiment_by_minute/part-0.parquet"),
        Call("s3:GetObject", f"{lake}/silver/posts/_delta_log/00000000000000000000.json"),
        Call("s3:GetObject", f"{lake}/bronze/events/_delta_log/00000000000000000000.json"),
        Call("s3:ListBucket", lake, {"s3:prefix": "gold/freshness/_delta_log"}),
    ]
    assert [str(call) for call in needed if not allowed.allow(role, call)] == []
    forbidden = [
        Call("s3:GetObject", f"{lake}/bronze/events/part-0.parquet"),
        Call("s3:GetObject", f"{lake}/_receipts/1.json"),
        Call("s3:PutObject", f"{lake}/silver/labels/part-0.parquet"),
        Call("s3:DeleteObject", f"{lake}/gold/freshness/part-0.parquet"),
        Call("s3:ListBucket", lake, {"s3:prefix": "_erasures/"}),
    ]
    assert [str(call) for call in forbidden if allowed.allow(role, call)] == []

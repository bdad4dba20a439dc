"""The call that creates each type of resource, and how CloudFormation's properties become its request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import botocore.session

from deploy.infra.checks import constraints
from deploy.infra.checks.resolve import Resource, Templates


@dataclass(frozen=True)
class Call:
    """A call of a service that receives a resource's properties.

    `renamed` maps names of properties, at any depth, to the call's own where they differ in more than case. Properties
    in `elsewhere` go by other calls. CloudFormation itself fills in the members `filled`. With `only`, the call
    receives these properties alone; with `inside`, the members of the one that is a structure.
    """

    service: str
    operation: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    inside: bool = False


def _call(
    service: str,
    operation: str,
    *,
    elsewhere: str = "",
    filled: str = "",
    only: str = "",
    inside: bool = False,
    **renamed: str,
) -> Call:
    names = [frozenset(each.split()) for each in (elsewhere, filled, only)]
    return Call(service, operation, renamed, elsewhere=names[0], filled=names[1], only=names[2], inside=inside)


CALLS: Mapping[str, tuple[Call, ...]] = {
    "AWS::Athena::NamedQuery": (_call("athena", "CreateNamedQuery"),),
    "AWS::Athena::WorkGroup": (_call("athena", "CreateWorkGroup", WorkGroupConfiguration="Configuration"),),
    "AWS::Budgets::Budget": (_call("budgets", "CreateBudget", filled="AccountId"),),
    "AWS::CloudWatch::Alarm": (_call("cloudwatch", "PutMetricAlarm"),),
    "AWS::CloudWatch::Dashboard": (_call("cloudwatch", "PutDashboard"),),
    "AWS::EC2::EIP": (_call("ec2", "AllocateAddress"),),
    "AWS::EC2::FlowLog": (
        _call("ec2", "CreateFlowLogs", ResourceId="ResourceIds", DeliverLogsPermissionArn="DeliverLogsPermissionArn"),
    ),
    "AWS::EC2::NatGateway": (_call("ec2", "CreateNatGateway"),),
    "AWS::EC2::Route": (_call("ec2", "CreateRoute"),),
    "AWS::EC2::SecurityGroup": (
        _call(
            "ec2",
            "CreateSecurityGroup",
            elsewhere="SecurityGroupEgress SecurityGroupIngress",
            filled="GroupName",
            GroupDescription="Description",
        ),
    ),
    "AWS::EC2::Subnet": (_call("ec2", "CreateSubnet", elsewhere="MapPublicIpOnLaunch"),),
    "AWS::EC2::VPC": (_call("ec2", "CreateVpc", elsewhere="EnableDnsHostnames EnableDnsSupport"),),
    "AWS::EC2::VPCEndpoint": (_call("ec2", "CreateVpcEndpoint"),),
    "AWS::ECS::Cluster": (_call("ecs", "CreateCluster", ClusterSettings="settings"),),
    "AWS::ECS::Service": (_call("ecs", "CreateService", filled="serviceName"),),
    "AWS::ECS::TaskDefinition": (_call("ecs", "RegisterTaskDefinition", filled="family"),),
    "AWS::EMRServerless::Application": (_call("emr-serverless", "CreateApplication", filled="clientToken"),),
    "AWS::Events::Rule": (
        _call("events", "PutRule", elsewhere="Targets", filled="Name"),
        _call("events", "PutTargets", only="Targets", filled="Rule"),
    ),
    "AWS::Glue::Crawler": (_call("glue", "CreateCrawler", filled="Name"),),
    "AWS::Glue::Database": (_call("glue", "CreateDatabase"),),
    "AWS::Glue::Job": (_call("glue", "CreateJob"),),
    "AWS::Glue::SecurityConfiguration": (_call("glue", "CreateSecurityConfiguration", S3Encryptions="S3Encryption"),),
    "AWS::IAM::ManagedPolicy": (
        _call(
            "iam", "CreatePolicy", elsewhere="Roles Groups Users", filled="PolicyName", ManagedPolicyName="PolicyName"
        ),
    ),
    "AWS::IAM::Policy": (_call("iam", "PutRolePolicy", elsewhere="Roles", filled="RoleName"),),
    "AWS::IAM::Role": (_call("iam", "CreateRole", elsewhere="Policies ManagedPolicyArns", filled="RoleName"),),
    "AWS::KMS::Key": (_call("kms", "CreateKey", elsewhere="EnableKeyRotation Tags", KeyPolicy="Policy"),),
    "AWS::Kinesis::Stream": (
        _call("kinesis", "CreateStream", elsewhere="RetentionPeriodHours StreamEncryption", filled="StreamName"),
        _call("kinesis", "IncreaseStreamRetentionPeriod", only="RetentionPeriodHours", filled="StreamName"),
        _call("kinesis", "StartStreamEncryption", only="StreamEncryption", inside=True, filled="StreamName"),
    ),
    "AWS::KinesisFirehose::DeliveryStream": (_call("firehose", "CreateDeliveryStream", filled="DeliveryStreamName"),),
    "AWS::Lambda::EventInvokeConfig": (_call("lambda", "PutFunctionEventInvokeConfig"),),
    "AWS::Lambda::Function": (
        _call(
            "lambda",
            "CreateFunction",
            elsewhere="ReservedConcurrentExecutions",
            filled="FunctionName",
            KmsKeyArn="KMSKeyArn",
        ),
        _call(
            "lambda",
            "PutFunctionConcurrency",
            only="ReservedConcurrentExecutions",
            filled="FunctionName",
        ),
    ),
    "AWS::Lambda::Permission": (_call("lambda", "AddPermission", filled="StatementId"),),
    "AWS::Logs::LogGroup": (
        _call("logs", "CreateLogGroup", elsewhere="RetentionInDays", filled="logGroupName"),
        _call("logs", "PutRetentionPolicy", only="RetentionInDays", filled="logGroupName"),
    ),
    "AWS::Logs::LogStream": (_call("logs", "CreateLogStream", filled="logStreamName"),),
    "AWS::MWAA::Environment": (_call("mwaa", "CreateEnvironment"),),
    "AWS::QuickSight::Analysis": (_call("quicksight", "CreateAnalysis"),),
    "AWS::QuickSight::Dashboard": (_call("quicksight", "CreateDashboard"),),
    "AWS::QuickSight::DataSet": (
        _call("quicksight", "CreateDataSet", elsewhere="DataSetRefreshProperties"),
        _call(
            "quicksight",
            "PutDataSetRefreshProperties",
            only="DataSetRefreshProperties",
            filled="AwsAccountId DataSetId",
        ),
    ),
    "AWS::QuickSight::DataSource": (_call("quicksight", "CreateDataSource"),),
    "AWS::QuickSight::RefreshSchedule": (_call("quicksight", "CreateRefreshSchedule"),),
    "AWS::QuickSight::VPCConnection": (_call("quicksight", "CreateVPCConnection", elsewhere="AvailabilityStatus"),),
    "AWS::RedshiftServerless::Namespace": (_call("redshift-serverless", "CreateNamespace"),),
    "AWS::RedshiftServerless::Workgroup": (_call("redshift-serverless", "CreateWorkgroup"),),
    "AWS::S3::Bucket": (
        _call("s3", "PutPublicAccessBlock", only="PublicAccessBlockConfiguration", filled="Bucket"),
        _call("s3", "PutBucketVersioning", only="VersioningConfiguration", filled="Bucket"),
    ),
    "AWS::S3::BucketPolicy": (_call("s3", "PutBucketPolicy", PolicyDocument="Policy"),),
    "AWS::SNS::Subscription": (_call("sns", "Subscribe"),),
    "AWS::SageMaker::MlflowApp": (_call("sagemaker", "CreateMlflowApp"),),
}
# Types whose call takes a form so different that a comparison by name says nothing, or that hold two references only.
# cfn-lint checks their properties against CloudFormation's own schema.
NOT_COMPARED = {
    "AWS::EC2::InternetGateway": "no property",
    "AWS::EC2::VPCGatewayAttachment": "two references",
    "AWS::EC2::RouteTable": "one reference",
    "AWS::EC2::SubnetRouteTableAssociation": "two references",
    "AWS::EC2::SecurityGroupEgress": "AuthorizeSecurityGroupEgress nests what CloudFormation has flat",
    "AWS::EC2::SecurityGroupIngress": "AuthorizeSecurityGroupIngress nests what CloudFormation has flat",
    "AWS::SNS::Topic": "properties become free-form attributes",
    "AWS::SNS::TopicPolicy": "properties become free-form attributes",
    "AWS::SQS::Queue": "properties become free-form attributes",
    "AWS::SQS::QueuePolicy": "properties become free-form attributes",
}


def findings(templates: Templates) -> list[str]:
    """What the services would refuse, one line each, beginning with stack, resource and type."""
    found = []
    for resource in templates.resources():
        if resource.type in NOT_COMPARED:
            continue
        if resource.type not in CALLS:
            found.append(f"{resource.label}: name the call that creates this type in CALLS, or why not")
            continue
        for call in CALLS[resource.type]:
            found += [f"{resource.label}: {call.operation}{problem}" for problem in _problems(resource, call)]
    return found


def _problems(resource: Resource, call: Call) -> Iterator[str]:
    given = {
        name: value
        for name, value in resource.properties.items()
        if (name in call.only if call.only else name not in call.elsewhere)
    }
    if call.only and not given:
        return
    if call.inside:
        given = dict(next(iter(given.values())))
    shape = model(call.service).operation_model(call.operation).input_shape
    request = as_request(given, shape, call.renamed)
    for problem in constraints.problems(request, shape):
        member = problem[1:].split(":", 1)[0]
        if not (member in call.filled and "is missing" in problem):
            yield problem


def as_request(value: Any, shape: Any, renamed: Mapping[str, str]) -> Any:
    """CloudFormation's properties with the names and forms of the call's shape."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        members = {name.lower(): name for name in shape.members}
        made = {}
        for given, part in value.items():
            name = members.get(renamed.get(given, given).lower(), given)
            made[name] = as_request(part, shape.members[name], renamed) if name in shape.members else part
        if made.get("Tags") and "Tags" not in shape.members:
            del made["Tags"]  # other calls, or members of other names, tag the resource
        return made
    if kind == "list":
        parts = value if isinstance(value, list) else [value]
        return [as_request(part, shape.member, renamed) for part in parts]
    if kind == "map" and isinstance(value, list):
        return {str(tag["Key"]): tag["Value"] for tag in value}
    if kind == "map" and isinstance(value, dict):
        return {key: as_request(part, shape.value, renamed) for key, part in value.items()}
    if kind == "string" and isinstance(value, dict):
        return _as_text(value)
    return value


def _as_text(value: dict[str, Any]) -> Any:
    """A document as the JSON text that the call takes; a structure of one string as that string."""
    import json

    texts = list(value.values())
    return texts[0] if len(texts) == 1 and isinstance(texts[0], str) else json.dumps(value)


@cache
def model(service: str) -> Any:
    """botocore's model of a service."""
    return botocore.session.get_session().get_service_model(service)

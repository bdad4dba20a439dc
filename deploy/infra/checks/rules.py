"""Rules that span resources: zones, ways out of the network, quotas of a fresh account, and the key of every writer.

Each rule states its source. `findings` applies them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from deploy.infra.checks.resolve import Resource, Templates

# What a new account may have at once, at the least:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
# https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/endpoints-quotas.html
LAMBDA_CONCURRENCY = 10
EMR_VCPU = 16


def findings(templates: Templates) -> list[str]:
    """What the rules object to, one line each."""
    return [line for rule in RULES for line in rule(templates)]


def _subnets(templates: Templates) -> dict[str, Resource]:
    return {subnet.ref: subnet for subnet in templates.resources("AWS::EC2::Subnet")}


def _zones(templates: Templates, ids: Iterable[str]) -> set[str]:
    known = _subnets(templates)
    return {known[each].properties["AvailabilityZone"] for each in ids if each in known}


def redshift_has_enough_zones(templates: Templates) -> Iterator[str]:
    """Two subnets in two zones; with enhanced VPC routing three in three.

    https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-usage-considerations.html
    """
    for workgroup in templates.resources("AWS::RedshiftServerless::Workgroup"):
        ids = workgroup.properties.get("SubnetIds", [])
        routed = workgroup.properties.get("EnhancedVpcRouting") is True
        needed, zones = (3 if routed else 2), _zones(templates, ids)
        if min(len(set(ids)), len(zones)) < needed:
            with_ = "with" if routed else "without"
            yield (
                f"{workgroup.label}: {len(set(ids))} subnets in {len(zones)} zones; Redshift Serverless {with_} "
                f"enhanced VPC routing needs {needed} in {needed}"
            )


def airflow_has_two_private_zones(templates: Templates) -> Iterator[str]:
    """Two private subnets in two zones. https://docs.aws.amazon.com/mwaa/latest/userguide/networking-about.html"""
    for environment in templates.resources("AWS::MWAA::Environment"):
        ids = environment.properties["NetworkConfiguration"]["SubnetIds"]
        if len(_zones(templates, ids)) != 2:
            yield f"{environment.label}: {len(ids)} subnets in {len(_zones(templates, ids))} zones; MWAA needs 2 in 2"


def redshift_reaches_the_staged_files(templates: Templates) -> Iterator[str]:
    """With enhanced VPC routing COPY leaves by the workgroup's security groups, which must allow 443.

    https://docs.aws.amazon.com/redshift/latest/mgmt/enhanced-vpc-routing.html
    """
    for workgroup in templates.resources("AWS::RedshiftServerless::Workgroup"):
        groups = set(workgroup.properties.get("SecurityGroupIds", []))
        if workgroup.properties.get("EnhancedVpcRouting") is True and not _lets_out(templates, groups, 443):
            yield f"{workgroup.label}: enhanced VPC routing, and no security group lets COPY reach S3 (443)"


def workers_reach_the_services(templates: Templates) -> Iterator[str]:
    """EMR Serverless, MWAA and ECS call AWS over 443 from their own security groups."""
    for each, groups in _callers(templates):
        if not _lets_out(templates, groups, 443):
            yield f"{each.label}: no security group lets it reach AWS (443)"


def endpoints_let_their_callers_in(templates: Templates) -> Iterator[str]:
    """In the network, the names of services lead to the interface endpoints, so these must admit every caller.

    https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html
    """
    for endpoint in templates.resources("AWS::EC2::VPCEndpoint"):
        doors = set(endpoint.properties.get("SecurityGroupIds", []))
        for each, groups in _callers(templates) if doors else ():
            if not groups & _let_in(templates, doors, 443):
                yield f"{each.label}: the endpoint {endpoint.name} lets none of its security groups in (443)"


def _callers(templates: Templates) -> Iterator[tuple[Resource, set[str]]]:
    """What runs in the private network, with its security groups."""
    for each in templates.resources("AWS::EMRServerless::Application", "AWS::MWAA::Environment"):
        yield each, set(each.properties["NetworkConfiguration"]["SecurityGroupIds"])
    for each in templates.resources("AWS::ECS::Service"):
        yield each, set(each.properties["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"])


def _let_in(templates: Templates, doors: set[str], port: int) -> set[str]:
    """The security groups that some of the groups `doors` admit to a port."""
    rules = [
        rule.properties
        for rule in templates.resources("AWS::EC2::SecurityGroupIngress")
        if rule.properties["GroupId"] in doors
    ]
    return {
        rule["SourceSecurityGroupId"]
        for rule in rules
        if "SourceSecurityGroupId" in rule and int(rule["FromPort"]) <= port <= int(rule["ToPort"])
    }


def _lets_out(templates: Templates, groups: set[str], port: int) -> bool:
    inline = [
        rule
        for group in templates.resources("AWS::EC2::SecurityGroup")
        if group.ref in groups or group.properties.get("GroupId") in groups
        for rule in group.properties.get("SecurityGroupEgress", [])
    ]
    own = [
        rule.properties
        for rule in templates.resources("AWS::EC2::SecurityGroupEgress")
        if rule.properties["GroupId"] in groups
    ]
    return any(_opens(rule, port) for rule in (*inline, *own))


def _opens(rule: Mapping[str, Any], port: int) -> bool:
    anywhere = rule.get("CidrIp") == "0.0.0.0/0" or "DestinationPrefixListId" in rule
    if rule.get("IpProtocol") == "-1":
        return anywhere
    return anywhere and int(rule.get("FromPort", -1)) <= port <= int(rule.get("ToPort", -1))


def no_function_reserves_what_a_fresh_account_lacks(templates: Templates) -> Iterator[str]:
    """AWS refuses a reservation that leaves fewer than 10 unreserved executions; a fresh account may have 10 in all.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    """
    for function in templates.resources("AWS::Lambda::Function"):
        reserved = int(function.properties.get("ReservedConcurrentExecutions", 0))
        if reserved > 0:
            yield f"{function.label}: reserves {reserved}; an account with {LAMBDA_CONCURRENCY} has none to reserve"


def emr_keeps_within_the_quota(templates: Templates) -> Iterator[str]:
    """The application's limit is not above what a fresh account may use at once."""
    for application in templates.resources("AWS::EMRServerless::Application"):
        given = str(application.properties.get("MaximumCapacity", {}).get("Cpu", ""))
        found = re.match(r"\s*(\d+)", given)
        if not found or int(found[1]) > EMR_VCPU:
            yield f"{application.label}: MaximumCapacity.Cpu is '{given}'; a fresh account has {EMR_VCPU} vCPU"


def logs_may_use_the_key(templates: Templates) -> Iterator[str]:
    """The key's policy allows CloudWatch Logs the actions that its guide lists.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    needed = (
        "Encrypt",
        "Decrypt",
        "ReEncryptFrom",
        "ReEncryptTo",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
    )
    encrypted = any(group.properties.get("KmsKeyId") for group in templates.resources("AWS::Logs::LogGroup"))
    for key in templates.resources("AWS::KMS::Key") if encrypted else ():
        allowed: set[str] = set()
        for statement in key.properties["KeyPolicy"]["Statement"]:
            if "logs." in str(statement["Principal"].get("Service", "")):
                allowed |= set(_listed(statement["Action"]))
        missing = [each for each in needed if not _covered(f"kms:{each}", allowed)]
        if missing:
            yield f"{key.label}: CloudWatch Logs may not call kms:{', kms:'.join(missing)}"


def _covered(action: str, patterns: Iterable[str]) -> bool:
    return any(re.fullmatch(re.escape(each).replace(r"\*", ".*"), action) for each in patterns)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def glue_starts_with_delta(templates: Templates) -> Iterator[str]:
    """Glue makes the session itself, so Delta's static extension must be among the job's arguments.

    https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-format-delta-lake.html
    """
    for job in templates.resources("AWS::Glue::Job"):
        conf = job.properties.get("DefaultArguments", {}).get("--conf", "")
        for name in ("spark.sql.extensions=", "spark.sql.catalog.spark_catalog="):
            if name not in conf:
                yield f"{job.label}: --conf has no {name[:-1]}; it is static, so the job cannot set it later"


def spark_encrypts_with_the_bucket_s_key(templates: Templates) -> Iterator[str]:
    """SSE-KMS without a key means the account's own `aws/s3`, whatever the bucket's default is.

    https://hadoop.apache.org/docs/stable/hadoop-aws/tools/hadoop-aws/encryption.html
    """
    for job in templates.resources("AWS::Glue::Job"):
        conf = job.properties.get("DefaultArguments", {}).get("--conf", "")
        encrypts = re.search(r"encryption[.-]algorithm=SSE-KMS", conf)
        if encrypts and not re.search(r"encryption[.-]key=arn:aws:kms:", conf):
            yield f"{job.label}: S3A writes with SSE-KMS and no key, so with aws/s3 instead of the bucket's key"


RULES: tuple[Callable[[Templates], Iterator[str]], ...] = (
    redshift_has_enough_zones,
    airflow_has_two_private_zones,
    redshift_reaches_the_staged_files,
    workers_reach_the_services,
    endpoints_let_their_callers_in,
    no_function_reserves_what_a_fresh_account_lacks,
    emr_keeps_within_the_quota,
    logs_may_use_the_key,
    glue_starts_with_delta,
    spark_encrypts_with_the_bucket_s_key,
)

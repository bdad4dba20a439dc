"""Reads who may do what out of the templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

HASHED = 8  # CDK ends a logical id with so many characters of a hash


def statements(templates: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of a role's or a managed policy, with the name of that role or policy."""
    for template in templates.values():
        for name, resource in template["Resources"].items():
            for document in _documents(resource):
                for statement in document["Statement"]:
                    yield name[:-HASHED], statement


def _documents(resource: dict[str, Any]) -> list[dict[str, Any]]:
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::IAM::Role":
        return [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    if resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        return [properties["PolicyDocument"]]
    return []


def actions(statement: dict[str, Any]) -> list[str]:
    """A statement's actions, one or many."""
    given = statement["Action"]
    return [given] if isinstance(given, str) else list(given)


def snapshot(templates: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All that grants something: roles' trust and policies, and the resources' own policies."""
    kinds = ("AWS::IAM::", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::KMS::Key")
    return {
        f"{stack}/{name}": {
            key: value
            for key, value in resource["Properties"].items()
            if key in ("AssumeRolePolicyDocument", "Policies", "PolicyDocument", "ManagedPolicyArns", "KeyPolicy")
        }
        for stack, template in templates.items()
        for name, resource in template["Resources"].items()
        if resource["Type"].startswith(kinds)
    }

"""Finds suppressions that are no longer needed, since they would hide the next broken rule.

Compares the suppressions in the templates that `app.synth()` wrote with the findings that cdk-nag's reports call
suppressed; needs no CDK. All children of a construct inherit a suppression: it is stale if it applies to none of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def stale(assembly: Path) -> list[str]:
    """One line for each suppression (rule and reason) that applies to no finding, sorted."""
    return sorted(f"{rule} is suppressed for nothing: {reason}" for rule, reason in _given(assembly) - _used(assembly))


def _given(assembly: Path) -> set[tuple[str, str]]:
    templates = [json.loads(path.read_text()) for path in assembly.glob("*.template.json")]
    resources = [resource for template in templates for resource in template["Resources"].values()]
    rules: list[dict[str, Any]] = [
        rule
        for resource in resources
        for rule in resource.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", ())
    ]
    return {(rule["id"], rule["reason"]) for rule in rules}


def _used(assembly: Path) -> set[tuple[str, str]]:
    reports = [json.loads(path.read_text()) for path in assembly.glob("AwsSolutions-*-NagReport.json")]
    lines = [line for report in reports for line in report["lines"] if line["compliance"] == "Suppressed"]
    # Some rules are reported with a finding: `AwsSolutions-IAM5[Resource::*]`.
    return {(line["ruleId"].split("[")[0], line["exceptionReason"]) for line in lines}

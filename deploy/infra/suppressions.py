"""Finds suppressions that have outlived what they excused, and would hide the next finding.

Reads the assembly that `app.synth()` wrote, without CDK: what each template suppresses, against what cdk-nag's reports
say was suppressed. A reason is inherited by everything below a construct, so it is stale when it serves nowhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def stale(assembly: Path) -> list[str]:
    """One line for each rule and reason that the templates suppress and no finding needed, sorted."""
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
    # A rule that tells findings apart is reported as `AwsSolutions-IAM5[Resource::*]`.
    return {(line["ruleId"].split("[")[0], line["exceptionReason"]) for line in lines}

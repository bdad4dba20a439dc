"""The security rules that a resource may break, each with a reason, and the check that no other rule is broken.

cdk-nag checks the finished construct tree. Every suppression has a reason, because `allow` has no default for it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import cdk_nag
from aws_cdk import Aspects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk import App, CfnResource
    from constructs import IConstruct


def allow(construct: IConstruct, rule: str, reason: str, *, findings: Iterable[str] = ()) -> None:
    """Let `construct` and its children break one rule; with `findings`, only in these points of the rule."""
    named: list[str] = list(findings)
    suppression = cdk_nag.NagPackSuppression(id=rule, reason=reason, applies_to=named or None)
    cdk_nag.NagSuppressions.add_resource_suppressions(construct, [suppression], apply_to_children=True)


def allow_scan(resource: CfnResource, rule: str, reason: str) -> None:
    """Let a resource break one rule of checkov, which reads its exceptions from the template's metadata."""
    skipped = resource.get_metadata("checkov") or {"skip": []}
    resource.add_metadata("checkov", {"skip": [*skipped["skip"], {"id": rule, "comment": reason}]})


def watch(app: App) -> None:
    """Make the next `app.synth()` write one report per stack into the cloud assembly."""
    checks = cdk_nag.AwsSolutionsChecks(verbose=True, reports=True, report_formats=[cdk_nag.NagReportFormat.JSON])
    Aspects.of(app).add(checks)


def findings(assembly: Path) -> list[str]:
    """The rules that the reports in the assembly's folder call broken, one line each, sorted."""
    reports = [json.loads(path.read_text()) for path in assembly.glob("AwsSolutions-*-NagReport.json")]
    lines = [line for report in reports for line in report["lines"] if line["compliance"] == "Non-Compliant"]
    return sorted(f"{line['ruleId']} {line['resourceId']}: {line['ruleInfo']}" for line in lines)

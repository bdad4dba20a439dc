"""Rules that a resource may break, each with the reason, and the check that nothing else is broken.

cdk-nag reads the finished construct tree. A suppression without a reason of its own is impossible here, because
`allow` has no default for it.
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
    """Let `construct` and what is below it break one rule, or only the named findings of that rule."""
    named: list[str] = list(findings)
    suppression = cdk_nag.NagPackSuppression(id=rule, reason=reason, applies_to=named or None)
    cdk_nag.NagSuppressions.add_resource_suppressions(construct, [suppression], apply_to_children=True)


def allow_scan(resource: CfnResource, rule: str, reason: str) -> None:
    """The same for checkov, which reads its exceptions from the template's metadata."""
    skipped = resource.get_metadata("checkov") or {"skip": []}
    resource.add_metadata("checkov", {"skip": [*skipped["skip"], {"id": rule, "comment": reason}]})


def watch(app: App) -> None:
    """Make the next `app.synth()` write one report per stack into the cloud assembly."""
    checks = cdk_nag.AwsSolutionsChecks(verbose=True, reports=True, report_formats=[cdk_nag.NagReportFormat.JSON])
    Aspects.of(app).add(checks)


def findings(assembly: Path) -> list[str]:
    """What the reports in the assembly's folder object to, one line each, sorted."""
    reports = [json.loads(path.read_text()) for path in assembly.glob("AwsSolutions-*-NagReport.json")]
    lines = [line for report in reports for line in report["lines"] if line["compliance"] == "Non-Compliant"]
    return sorted(f"{line['ruleId']} {line['resourceId']}: {line['ruleInfo']}" for line in lines)

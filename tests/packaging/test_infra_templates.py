"""The templates pass the public rule books, and what they grant changes only on purpose."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from deploy.infra import cost, suppressions
from tests.packaging import policies
from tests.patience import patience

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".cache" / "infra" / "bin"
SNAPSHOT = Path(__file__).with_name("policies.json")
STACKS = [
    "dashboards",
    "data",
    "datasets",
    "job",
    "network",
    "ops",
    "pages",
    "sources",
    "stream",
    "warehouse",
    "workflow",
]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=patience(300))


def test_every_stack_has_a_template_small_enough_to_be_sent_with_the_request(template_folder: Path) -> None:
    sizes = {path.stem.removeprefix("moodstream-"): path.stat().st_size for path in template_folder.glob("*.json")}
    assert sorted(sizes) == STACKS
    assert max(sizes.values()) <= 51_200


def test_cfn_lint_has_no_objection(template_folder: Path) -> None:
    # W3005: CDK names dependencies that a reference implies already.
    done = run(str(TOOLS / "cfn-lint"), "--ignore-checks", "W3005", "--", *map(str, template_folder.glob("*.json")))
    assert done.stdout + done.stderr == ""


def test_checkov_has_no_objection(template_folder: Path) -> None:
    options = ["--skip-download", "--framework", "cloudformation", "--compact", "--quiet", "-o", "json"]
    done = run(str(TOOLS / "checkov"), "-d", str(template_folder), *options)
    report = json.loads(done.stdout)
    failed = [f"{check['check_id']} {check['resource']}" for check in report["results"]["failed_checks"]]
    assert failed == []
    assert report["summary"]["passed"] > 100


def test_no_template_names_an_account(template_folder: Path) -> None:
    for path in template_folder.glob("*.json"):
        assert re.findall(r"(?<!\d)\d{12}(?!\d)", path.read_text()) == [], path.name


def test_every_suppressed_rule_has_a_reason_in_the_template(templates: dict[str, dict[str, Any]]) -> None:
    for template in templates.values():
        for resource in template["Resources"].values():
            metadata = resource.get("Metadata", {})
            for rule in metadata.get("cdk_nag", {}).get("rules_to_suppress", []):
                assert len(rule["reason"]) > 20, rule
            for rule in metadata.get("checkov", {}).get("skip", []):
                assert len(rule["comment"]) > 20, rule


def test_a_suppression_that_no_finding_needs_any_more_is_named(tmp_path: Path) -> None:
    """`make synth` itself fails on one, so every template that the other tests see has none."""
    rules = [{"id": "AwsSolutions-S1", "reason": "still true"}, {"id": "AwsSolutions-IAM5", "reason": "long gone"}]
    resource = {"Type": "AWS::S3::Bucket", "Metadata": {"cdk_nag": {"rules_to_suppress": rules}}}
    (tmp_path / "a.template.json").write_text(json.dumps({"Resources": {"Bucket": resource}}))
    lines = [
        {"ruleId": "AwsSolutions-S1", "compliance": "Suppressed", "exceptionReason": "still true"},
        {"ruleId": "AwsSolutions-IAM5[Resource::*]", "compliance": "Compliant", "exceptionReason": "N/A"},
    ]
    (tmp_path / "AwsSolutions-a-NagReport.json").write_text(json.dumps({"lines": lines}))
    assert suppressions.stale(tmp_path) == ["AwsSolutions-IAM5 is suppressed for nothing: long gone"]


def test_what_the_templates_grant_is_what_was_last_agreed_on(templates: dict[str, dict[str, Any]]) -> None:
    """A wanted change: UPDATE_SNAPSHOTS=1 make test-packaging, and look at the difference before committing."""
    now = json.dumps(policies.snapshot(templates), indent=1, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(now)
    assert now == SNAPSHOT.read_text()


def test_data_outlives_its_stack(templates: dict[str, dict[str, Any]]) -> None:
    kept = {"AWS::S3::Bucket", "AWS::KMS::Key"}
    policies_ = {
        resource["DeletionPolicy"] for resource in templates["data"]["Resources"].values() if resource["Type"] in kept
    }
    assert policies_ == {"Retain"}
    streams = [r for r in templates["stream"]["Resources"].values() if r["Type"] == "AWS::Kinesis::Stream"]
    assert [stream["DeletionPolicy"] for stream in streams] == ["Retain"]


def test_buckets_are_private_versioned_and_refuse_plain_http(templates: dict[str, dict[str, Any]]) -> None:
    resources = templates["data"]["Resources"]
    buckets = {name: r["Properties"] for name, r in resources.items() if r["Type"] == "AWS::S3::Bucket"}
    denied = {
        r["Properties"]["Bucket"]["Ref"]
        for r in resources.values()
        if r["Type"] == "AWS::S3::BucketPolicy"
        and any(
            s["Effect"] == "Deny" and s.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false"
            for s in r["Properties"]["PolicyDocument"]["Statement"]
        )
    }
    assert len(buckets) == 3
    assert denied == set(buckets)
    for properties in buckets.values():
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}


def test_every_alarm_tells_people_and_has_a_page_in_the_runbook(templates: dict[str, dict[str, Any]]) -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    resources = [resource for template in templates.values() for resource in template["Resources"].values()]
    alarms = [each["Properties"] for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"]
    assert len(alarms) > 20
    for alarm in alarms:
        assert alarm["AlarmActions"]
        assert alarm["OKActions"]
        section = alarm["AlarmDescription"].rsplit(", ", 1)[1]
        assert f"\n## {section}\n" in runbook, section


def test_the_workflow_hands_the_deployments_training_options_to_its_tasks(templates: dict[str, dict[str, Any]]) -> None:
    workflow = templates["workflow"]
    found = [each for each in workflow["Resources"].values() if each["Type"] == "AWS::MWAA::Environment"]
    options = found[0]["Properties"]["AirflowConfigurationOptions"]
    parameters = {"train_options": "TrainOptions", "evaluation_data": "EvaluationData", "reports": "DailyReports"}
    for option, parameter in parameters.items():
        assert workflow["Parameters"][parameter]["Default"] == ""
        # Without a value the option is left out: MWAA refuses an empty one.
        given = ["Has" + parameter, {"Ref": parameter}, {"Ref": "AWS::NoValue"}]
        assert options[f"moodstream.{option}"] == {"Fn::If": given}


def test_the_estimate_of_the_cost_takes_a_connector_to_be_as_large_as_its_task(
    templates: dict[str, dict[str, Any]],
) -> None:
    tasks = [r for r in templates["sources"]["Resources"].values() if r["Type"] == "AWS::ECS::TaskDefinition"]
    sizes = [(float(task["Properties"]["Cpu"]) / 1024, float(task["Properties"]["Memory"]) / 1024) for task in tasks]
    assert sizes == [(cost.CONNECTOR_VCPU, cost.CONNECTOR_GB)]

"""One CloudFormation stack: created, updated, repaired after a failed creation, deleted. Repeating is safe."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deploy.infra.errors import DeployError, StackFailed

Progress = Callable[[str], None]

READY = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
# CloudFormation refuses to update a stack in one of these: it can only be deleted and created again.
NEVER_CREATED = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS")


class Stacks:
    """The stacks of one account and region, by their full names. `poll`: seconds between two looks at a stack."""

    def __init__(self, cloudformation: Any, progress: Progress, poll: float = 5.0) -> None:
        self._client = cloudformation
        self._progress = progress
        self._poll = poll

    def bring_up(self, stack: str, template: Path, given: Mapping[str, str]) -> dict[str, str]:
        """Create or update the stack and wait for it; returns its outputs.

        A stack whose creation failed before is deleted first. Parameters that are not given keep the value that they
        have. Raises StackFailed if the stack was rolled back, DeployError if it is in no state to be updated.
        """
        body = template.read_text()
        declared = json.loads(body).get("Parameters", {})
        found = self._settled(stack)
        if found and found["StackStatus"] in NEVER_CREATED:
            self._progress(f"{stack} is {found['StackStatus']}, which cannot be updated: deleting it first")
            self.delete(stack)
            found = None
        if found and found["StackStatus"] not in READY:
            raise DeployError(
                f"{stack} is {found['StackStatus']}: finish that first "
                f"(aws cloudformation continue-update-rollback --stack-name {stack}), then run this command again"
            )
        request = {
            "StackName": stack,
            "TemplateBody": body,
            "Parameters": _parameters(declared, given, found),
            "Capabilities": ["CAPABILITY_IAM"],
        }
        if not found:
            self._client.create_stack(**request)
        elif not self._updated(request):
            return _outputs(found)
        return self._outcome(stack)

    def outputs(self, stack: str) -> dict[str, str] | None:
        """The outputs of a stack as it is; None if it does not exist."""
        found = self._described(stack)
        return _outputs(found) if found else None

    def delete(self, stack: str) -> None:
        """Delete the stack and wait; says which resources it keeps. Raises StackFailed if some cannot be deleted."""
        found = self._settled(stack)
        if not found:
            return
        identity = found["StackId"]  # a deleted stack is known by this alone
        self._client.delete_stack(StackName=stack)
        while (found := self._described(identity)) and found["StackStatus"].endswith("IN_PROGRESS"):
            time.sleep(self._poll)
        if found and found["StackStatus"] == "DELETE_FAILED":
            raise StackFailed(f"{stack} is DELETE_FAILED: {self._first_reason(identity)}")
        if kept := self._kept(identity):
            self._progress(f"{stack} is deleted; it keeps {', '.join(kept)}")

    def _updated(self, request: Mapping[str, Any]) -> bool:
        try:
            self._client.update_stack(**request)
        except self._client.exceptions.ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise
        return True

    def _outcome(self, stack: str) -> dict[str, str]:
        found = self._settled(stack) or {"StackStatus": "gone"}
        status = found["StackStatus"]
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise StackFailed(f"{stack} is {status}: {self._first_reason(stack)}. Repair that and run this again.")
        return _outputs(found)

    def _settled(self, stack: str) -> dict[str, Any] | None:
        """The stack once nothing is in progress any more; None if it does not exist."""
        while (found := self._described(stack)) and _in_progress(found["StackStatus"]):
            time.sleep(self._poll)
        return found

    def _described(self, stack: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._client.describe_stacks(StackName=stack)["Stacks"][0]
        except self._client.exceptions.ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return None if found["StackStatus"] == "DELETE_COMPLETE" else found

    def _events(self, stack: str) -> list[dict[str, Any]]:
        try:
            return list(self._client.describe_stack_events(StackName=stack)["StackEvents"])
        except self._client.exceptions.ClientError:
            return []  # a service that forgets deleted stacks has no events of one

    def _kept(self, stack: str) -> list[str]:
        events = self._events(stack)
        return sorted({e.get("PhysicalResourceId", "?") for e in events if e["ResourceStatus"] == "DELETE_SKIPPED"})

    def _first_reason(self, stack: str) -> str:
        failures = [event for event in self._events(stack) if event["ResourceStatus"].endswith("_FAILED")]
        if not failures:
            return "CloudFormation gave no reason"
        first = min(failures, key=lambda event: event["Timestamp"])
        return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', '')}"


def _in_progress(status: str) -> bool:
    return status.endswith("IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def _parameters(
    declared: Mapping[str, Any], given: Mapping[str, str], stack: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """For the template's parameters: the given value, else the value that the stack has, else the default."""
    present = {each["ParameterKey"] for each in (stack or {}).get("Parameters", [])}
    chosen: list[dict[str, Any]] = [
        {"ParameterKey": key, "ParameterValue": given[key]} for key in declared if key in given
    ]
    chosen += [{"ParameterKey": key, "UsePreviousValue": True} for key in declared if key in present - set(given)]
    return sorted(chosen, key=lambda each: str(each["ParameterKey"]))


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    # CDK's own exports connect the stacks with each other; nobody else needs them.
    return {name: value for name, value in outputs.items() if not name.startswith("Exports")}

"""Checks the templates against what the services accept, without an account.

`findings` is all of it: every resource's properties against botocore's model of the call that creates it (required
members, types, minimum, maximum, enum, pattern), rules that span resources or depend on a fresh account's quotas, and
the calls that services make in the roles' names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy.infra.checks import access, requests, rules
from deploy.infra.checks.resolve import Templates


def findings(templates: Mapping[str, Any]) -> list[str]:
    """One line for each fault; `templates` maps a stack's name to its template. Parameters have their defaults."""
    resolved = Templates(templates)
    return [*requests.findings(resolved), *rules.findings(resolved), *access.findings(resolved)]

"""Gives the job's database user its rights in Redshift, with the administrator's secret.

Redshift names the user after the job's IAM role, `IAMR:ROLE`, and gives it no rights. It needs to own the schema `dw`:
then it can migrate and load, and nothing outside of it. Repeating it is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Template
from typing import Any

from streaming.warehouse import statements
from streaming.warehouse.redshift.data_api import DataApi

DIALECT = "redshift"
NAMESPACE = "moodstream"
DATABASE = "moodstream"


def job_user(role_arn: str) -> str:
    """How Redshift names the user of an IAM role."""
    return f"IAMR:{role_arn.rsplit('/', 1)[-1]}"


def grant(outputs: Mapping[str, str], client: Callable[[str], Any]) -> str:
    """Let the role of the output `EmrRoleArn` own the schema; returns its database user.

    Raises SinkUnavailable if Redshift refuses a statement or cannot be reached.
    """
    found = client("redshift-serverless").get_namespace(namespaceName=NAMESPACE)
    secret = found["namespace"]["adminPasswordSecretArn"]
    place = {"WorkgroupName": outputs["WorkgroupName"], "Database": DATABASE, "SecretArn": secret}
    user = job_user(outputs["EmrRoleArn"])
    apply(DataApi(client("redshift-data"), place), user)
    return user


def apply(api: DataApi, user: str) -> None:
    """Run the scripts of sql/redshift/admin for the user; `api` acts as the administrator."""
    if '"' in user:
        raise ValueError(f"database user: received {user!r}, expected a name without quotes")
    [known] = statements.statements(DIALECT, "admin/user_exists.sql")
    if not api.rows(known, {"job_user": user}):
        api.run(_filled("admin/job_user.sql", user))
    api.run(_filled("admin/job_role.sql", user))
    [others] = statements.statements(DIALECT, "admin/owned_by_others.sql")
    for (name,) in api.rows(others, {"job_user": user}):
        api.run(_filled("admin/job_owner.sql", user, name=statements.identifier(name)))


def _filled(script: str, user: str, **values: str) -> list[str]:
    return [Template(text).substitute(job_user=user, **values) for text in statements.statements(DIALECT, script)]

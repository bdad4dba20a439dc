"""QuickSight's stacks: everything of the definition becomes a resource, and nobody may do more than needed."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from deploy.infra.deploy import from_command_line
from deploy.infra.visuals import data_sets, definition

ENVIRONMENT = {"AWS_REGION": "eu-west-1"}


def properties(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The properties of every resource of a type of QuickSight."""
    wanted = f"AWS::QuickSight::{kind}"
    return [each["Properties"] for each in template["Resources"].values() if each["Type"] == wanted]


def filled_in(found: Any) -> Any:
    """The template's values with a word in place of each reference."""
    if isinstance(found, list):
        return [filled_in(part) for part in found]
    if isinstance(found, dict):
        if len(found) == 1 and next(iter(found)).split("::")[0] in ("Ref", "Fn"):
            return "reference-of-twenty-letters"
        return {key: filled_in(value) for key, value in found.items() if key != "Tags"}
    return found


def test_analysis_and_dashboard_show_what_is_defined(templates: dict[str, dict[str, Any]]) -> None:
    wanted = definition({each.name: "reference-of-twenty-letters" for each in data_sets()})
    for kind in ("Analysis", "Dashboard"):
        [made] = properties(templates["dashboards"], kind)
        assert filled_in(made["Definition"]) == wanted


@pytest.mark.parametrize(
    ("stack", "kind"),
    [
        ("datasets", "VPCConnection"),
        ("datasets", "DataSource"),
        ("datasets", "DataSet"),
        ("dashboards", "Analysis"),
        ("dashboards", "Dashboard"),
    ],
)
def test_the_service_s_own_model_accepts_each_resource(
    templates: dict[str, dict[str, Any]], stack: str, kind: str
) -> None:
    """CloudFormation hands a resource's properties to the call of its name; some go by other calls."""
    shape = boto3.client("quicksight", region_name="eu-west-1").meta.service_model.operation_model(f"Create{kind}")
    elsewhere = {"DataSetRefreshProperties", "AvailabilityStatus"}
    found = properties(templates[stack], kind)
    assert found
    for each in found:
        request = {key: value for key, value in filled_in(each).items() if key not in elsewhere}
        assert ParamValidator().validate(request, shape.input_shape).generate_report() == ""


def test_each_data_set_runs_its_query_and_those_in_memory_are_read_again_by_day_and_by_night(
    templates: dict[str, dict[str, Any]],
) -> None:
    made = {each["DataSetId"]: each for each in properties(templates["datasets"], "DataSet")}
    schedules = properties(templates["datasets"], "RefreshSchedule")
    for given in data_sets():
        own = made.pop(given.resource_id)
        assert own["PhysicalTableMap"]["query"]["CustomSql"]["SqlQuery"] == given.sql
        kinds = {
            each["Schedule"]["RefreshType"]: each["Schedule"]["ScheduleFrequency"]["Interval"]
            for each in schedules
            if each["DataSetId"] == given.resource_id
        }
        if given.incremental:
            assert own["ImportMode"] == "SPICE"
            assert kinds == {"INCREMENTAL_REFRESH": "MINUTE15", "FULL_REFRESH": "DAILY"}
            assert given.columns[given.incremental] == "DATETIME"
        else:
            assert own["ImportMode"] == "DIRECT_QUERY"
            assert kinds == {}
    assert made == {}


def test_the_way_to_the_warehouse_is_private_and_encrypted(templates: dict[str, dict[str, Any]]) -> None:
    [source] = properties(templates["datasets"], "DataSource")
    assert source["SslProperties"] == {"DisableSsl": False}
    assert "VpcConnectionArn" in source["VpcConnectionProperties"]
    assert set(source["Credentials"]) == {"SecretArn"}


def test_readers_see_the_dashboard_and_authors_own_the_analysis_only(templates: dict[str, dict[str, Any]]) -> None:
    granted = {}
    for stack in ("datasets", "dashboards"):
        for kind in ("DataSource", "DataSet", "Analysis", "Dashboard"):
            for each in properties(templates[stack], kind):
                [permission] = each["Permissions"]
                granted[kind] = (permission["Principal"]["Ref"], permission["Actions"])
    assert {kind: principal for kind, (principal, _) in granted.items()} == {
        "DataSource": "DashboardAuthors",
        "DataSet": "DashboardAuthors",
        "Analysis": "DashboardAuthors",
        "Dashboard": "DashboardReaders",
    }
    assert granted["Dashboard"][1] == [
        f"quicksight:{action}" for action in ("DescribeDashboard", "ListDashboardVersions", "QueryDashboard")
    ]
    changing = ("Update", "Delete", "Create", "Put")
    for kind in ("DataSource", "DataSet", "Dashboard"):
        assert [action for action in granted[kind][1] if action.split(":")[1].startswith(changing)] == []


def test_an_account_without_quicksight_deploys_all_the_rest() -> None:
    assert {"datasets", "dashboards"}.isdisjoint(from_command_line([], ENVIRONMENT).stacks)


def test_naming_an_author_or_the_stacks_deploys_the_dashboards_last() -> None:
    author = "DashboardAuthors=arn:aws:quicksight:eu-west-1:0:group/default/authors"
    given = from_command_line(["--parameter", author], ENVIRONMENT)
    assert given.stacks[-2:] == ("datasets", "dashboards")
    assert from_command_line(["--stacks", "dashboards,datasets"], ENVIRONMENT).stacks == ("datasets", "dashboards")

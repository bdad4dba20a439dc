"""What QuickSight is told to show: only what its data sets hold, and in the words of the service's own model."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from deploy.infra.visuals import (
    POLARITY,
    SQL,
    DataSet,
    Tile,
    data_sets,
    definition,
    sheets,
)

TILES = [tile for sheet in sheets() for tile in sheet.tile]
SETS = {each.name: each for each in data_sets()}
ACCOUNT = "0" * 12


def shown() -> dict[str, Any]:
    return definition({name: f"arn:aws:quicksight:eu-west-1:{ACCOUNT}:dataset/{name}" for name in SETS})


def ids(found: Any, key: str) -> list[str]:
    """Every value of a key, however deep."""
    if isinstance(found, list):
        return [value for part in found for value in ids(part, key)]
    if isinstance(found, dict):
        own = [found[key]] if key in found else []
        return own + [value for part in found.values() for value in ids(part, key)]
    return []


def has(data_set: DataSet, column: str) -> bool:
    return column in data_set.columns or (column == "polarity" and data_set.polarity)


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: tile.title)
def test_a_tile_shows_only_columns_of_its_data_set(tile: Tile) -> None:
    assert tile.used
    assert [column for column in tile.used if not has(SETS[tile.data_set], column)] == []


def test_the_mean_polarity_is_made_of_columns_that_are_there() -> None:
    for each in data_sets():
        if each.polarity:
            assert {"polarity_sum", "events"} <= set(each.columns)
            assert "polarity" not in each.columns
    assert POLARITY == "sum({polarity_sum}) / sum({events})"


def test_every_column_of_the_definition_is_one_of_its_data_set() -> None:
    def columns(found: Any) -> list[tuple[str, str]]:
        if isinstance(found, list):
            return [pair for part in found for pair in columns(part)]
        if not isinstance(found, dict):
            return []
        if set(found) == {"DataSetIdentifier", "ColumnName"}:
            return [(found["DataSetIdentifier"], found["ColumnName"])]
        return [pair for part in found.values() for pair in columns(part)]

    used = columns(shown())
    assert len(used) > 50
    assert [pair for pair in used if not has(SETS[pair[0]], pair[1])] == []


def test_every_saved_question_has_a_tile_and_every_tile_s_question_exists() -> None:
    questions = {path.stem for path in (SQL / "questions").glob("*.sql")}
    assert {tile.question for tile in TILES if tile.question} == questions


def test_every_data_set_is_shown_and_every_data_set_s_file_is_used_or_named_by_a_question() -> None:
    assert {tile.data_set for tile in TILES} == set(SETS)
    files = {f"datasets/{path.stem}" for path in (SQL / "datasets").glob("*.sql")}
    assert files == {each.query for each in data_sets() if each.query.startswith("datasets/")}


def test_there_are_a_word_cloud_a_heat_map_a_time_series_and_filters() -> None:
    assert {"words", "heat", "line", "table", "bars"} == {tile.kind for tile in TILES}
    groups = shown()["FilterGroups"]
    kinds = {kind for group in groups for part in group["Filters"] for kind in part}
    assert kinds == {"CategoryFilter", "RelativeDatesFilter"}
    assert len(groups) == len(ids(shown()["Sheets"], "SourceFilterId"))


def test_a_query_travels_without_comments_and_without_its_semicolon() -> None:
    for each in data_sets():
        assert each.sql.startswith(("select", "with")), each.name
        assert ";" not in each.sql
        assert "--" not in each.sql


@pytest.mark.parametrize("operation", ["CreateAnalysis", "CreateDashboard"])
def test_the_service_s_own_model_accepts_the_definition(operation: str) -> None:
    model = boto3.client("quicksight", region_name="eu-west-1").meta.service_model.operation_model(operation)
    kind = operation.removeprefix("Create")
    request = {"AwsAccountId": ACCOUNT, f"{kind}Id": "moodstream", "Name": "Moodstream", "Definition": shown()}
    assert ParamValidator().validate(request, model.input_shape).generate_report() == ""
    request["Definition"]["Sheets"][0]["Visuals"][0]["LineChartVisual"]["Colour"] = "red"
    assert "Colour" in ParamValidator().validate(request, model.input_shape).generate_report()


def test_words_that_the_service_limits_to_a_list_are_of_that_list() -> None:
    model = boto3.client("quicksight", region_name="eu-west-1").meta.service_model
    assert disallowed(shown(), model.shape_for("DashboardVersionDefinition")) == []


def disallowed(found: Any, shape: Any) -> list[str]:
    """Values that are none of an enumeration: botocore itself does not look at these."""
    if shape.type_name == "structure":
        return [each for key, value in found.items() for each in disallowed(value, shape.members[key])]
    if shape.type_name == "list":
        return [each for value in found for each in disallowed(value, shape.member)]
    return [f"{shape.name}: {found}"] if getattr(shape, "enum", None) and found not in shape.enum else []


def test_no_two_things_have_the_same_id_and_each_control_has_its_place() -> None:
    for key in ("VisualId", "FilterId", "FilterControlId", "SheetId", "FilterGroupId"):
        found = ids(shown()["Sheets" if key != "FilterGroupId" else "FilterGroups"], key)
        assert len(found) == len(set(found)), key
    for sheet in shown()["Sheets"]:
        placed = set(ids(sheet, "ElementId"))
        assert placed == set(ids(sheet, "VisualId")) | set(ids(sheet, "FilterControlId"))

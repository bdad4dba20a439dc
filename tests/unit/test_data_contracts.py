"""The data contracts have the form of their standard, and say what the parser and the tables say."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
import yaml

from docs.generate.__main__ import DOCS
from streaming.events import contract
from streaming.tables import catalog

CONTRACTS = sorted((DOCS / "contracts").iterdir())
SCHEMA = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text())


def tables(name: str) -> dict[str, dict[str, Any]]:
    """The tables of a contract, or its kinds of events, each with its properties by name."""
    document = yaml.safe_load((DOCS / "contracts" / f"{name}.odcs.yaml").read_text())
    return {each["name"]: {of["name"]: of for of in each["properties"]} for each in document["schema"]}


def payload(version: int, kind: str) -> dict[str, Any]:
    """The fields of a payload by name."""
    return {field["name"]: field for field in tables(f"events-{version}")[kind]["payload"]["properties"]}


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.name)
def test_a_contract_meets_the_json_schema_of_its_standard(path: Any) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text()), SCHEMA)


def test_version_2_has_every_kind_of_event_and_version_1_lacks_deletions() -> None:
    assert [*tables("events-2")] == [*contract.FIELDS]
    assert {*contract.FIELDS} - {*tables("events-1")} == {"deletion"}


def test_age_and_location_are_required_in_version_1_alone() -> None:
    assert payload(1, "user")["user_age"]["required"]
    assert "required" not in payload(2, "user")["user_age"]


def test_a_field_has_the_bounds_that_the_parser_checks() -> None:
    assert payload(1, "post")["text"]["logicalTypeOptions"]["maxLength"] == contract.MAX_TEXT
    assert [each["value"] for each in payload(2, "interaction")["action"]["enum"]] == ["comment", "like", "share"]


def test_gold_has_the_key_of_each_table_in_its_order() -> None:
    described = tables("gold")
    for table in catalog.KEYED:
        layer, _, name = table.name.partition("/")
        if layer == "gold":
            positions = {each: described[name][each].get("primaryKeyPosition") for each in table.key_names}
            assert positions == {each: n for n, each in enumerate(table.key_names, 1)}, name


def test_silver_needs_what_the_event_needs_and_no_sentiment() -> None:
    posts = tables("silver")["posts"]
    assert posts["text"]["required"]
    assert "required" not in posts["sentiment"]

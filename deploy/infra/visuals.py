"""Turns dashboard.toml into QuickSight's definitions, with the names of its API, which CloudFormation shares.

The definitions are plain dictionaries, without CDK, so that tests can compare them with the service's own model.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

SETTINGS = Path(__file__).with_name("dashboard.toml")
SQL = Path(__file__).resolve().parents[2] / "sql" / "warehouse"

Definition = dict[str, Any]

POLARITY = "sum({polarity_sum}) / sum({events})"
# Sums of these have no meaning, so a group shows their mean.
AVERAGED = ("polarity", "interactions_per_event")
COLUMNS_OF_GRID, TILE_WIDTH, TILE_HEIGHT = 36, 18, 12


@dataclass(frozen=True)
class DataSet:
    """A query of the warehouse; `columns` maps its columns, in their order, to QuickSight's types."""

    name: str
    query: str
    columns: Mapping[str, str]
    incremental: str = ""
    polarity: bool = False

    @property
    def sql(self) -> str:
        """The query without comments and semicolon, since QuickSight puts it into brackets."""
        lines = (SQL / f"{self.query}.sql").read_text().splitlines()
        return "\n".join(line for line in lines if not line.startswith("--")).rstrip().rstrip(";")

    @property
    def resource_id(self) -> str:
        """The data set's id in the account."""
        return "moodstream-" + self.name.replace("_", "-")


@dataclass(frozen=True)
class Tile:
    """One visual. A table shows the columns `fields`; other kinds group by `time` and `by`, and show `values`."""

    title: str
    kind: str
    data_set: str
    question: str = ""
    time: str = ""
    by: Sequence[str] = ()
    values: Sequence[str] = ()
    fields: Sequence[str] = ()

    @property
    def used(self) -> tuple[str, ...]:
        """Every column that the visual uses."""
        return tuple(name for name in (self.time, *self.by, *self.values, *self.fields) if name)


@dataclass(frozen=True)
class Sheet:
    """A page of the dashboard. A filter has a `column`, and `hours` where that is a time."""

    name: str
    tile: Sequence[Tile]
    filters: Sequence[Mapping[str, Any]] = field(default=())


@cache
def data_sets() -> tuple[DataSet, ...]:
    """Every data set, in the order of the file."""
    return tuple(DataSet(**entry) for entry in tomllib.loads(SETTINGS.read_text())["data_set"])


@cache
def sheets() -> tuple[Sheet, ...]:
    """Every sheet, in the order of the file."""
    entries = tomllib.loads(SETTINGS.read_text())["sheet"]
    return tuple(Sheet(**entry | {"tile": [Tile(**tile) for tile in entry["tile"]]}) for entry in entries)


def definition(arns: Mapping[str, str]) -> Definition:
    """The definition of the analysis and the dashboard; `arns`: data set name -> ARN."""
    return {
        "DataSetIdentifierDeclarations": [{"Identifier": name, "DataSetArn": arn} for name, arn in arns.items()],
        "CalculatedFields": [
            {"DataSetIdentifier": each.name, "Name": "polarity", "Expression": POLARITY}
            for each in data_sets()
            if each.polarity
        ],
        "FilterGroups": [group for sheet in sheets() for group in _filter_groups(sheet)],
        "Sheets": [_sheet(sheet) for sheet in sheets()],
    }


def _sheet(sheet: Sheet) -> Definition:
    ids = [f"{sheet.name}-{number}" for number, _ in enumerate(sheet.tile)]
    tiles = [
        _placed(name, "VISUAL", TILE_WIDTH, TILE_HEIGHT)
        | {"ColumnIndex": TILE_WIDTH * (number % 2), "RowIndex": TILE_HEIGHT * (number // 2)}
        for number, name in enumerate(ids)
    ]
    controls = [_placed(f"{_filter_id(sheet, given)}-control", "FILTER_CONTROL", 4, 1) for given in sheet.filters]
    return {
        "SheetId": sheet.name,
        "Name": sheet.name,
        "ContentType": "INTERACTIVE",
        "FilterControls": [_control(sheet, given) for given in sheet.filters],
        "Visuals": [_visual(name, tile) for name, tile in zip(ids, sheet.tile, strict=True)],
        "Layouts": [{"Configuration": {"GridLayout": {"Elements": tiles}}}],
        "SheetControlLayouts": [{"Configuration": {"GridLayout": {"Elements": controls}}}],
    }


def _placed(name: str, kind: str, width: int, height: int) -> Definition:
    return {"ElementId": name, "ElementType": kind, "ColumnSpan": width, "RowSpan": height}


def _visual(name: str, tile: Tile) -> Definition:
    dimensions = [_dimension(tile, column) for column in (tile.time, *tile.by) if column]
    measures = [_measure(tile, column) for column in tile.values]
    title = {"Visibility": "VISIBLE", "FormatText": {"PlainText": tile.title}}
    heat = {"Rows": dimensions[:1], "Columns": dimensions[1:], "Values": measures}
    table = {"Values": [_plain(tile, name) for name in tile.fields]}
    stacked = {"Orientation": "VERTICAL", "BarsArrangement": "STACKED"}
    charts: Mapping[str, tuple[str, Definition, Definition]] = {
        "line": ("LineChart", {"Type": "LINE"}, _wells("LineChart", dimensions, measures)),
        "bars": ("BarChart", stacked, _wells("BarChart", dimensions, measures)),
        "words": ("WordCloud", {}, {"WordCloudAggregatedFieldWells": {"GroupBy": dimensions, "Size": measures}}),
        "heat": ("HeatMap", {}, {"HeatMapAggregatedFieldWells": heat}),
        "table": ("Table", {}, {"TableUnaggregatedFieldWells": table}),
    }
    kind, options, wells = charts[tile.kind]
    configuration = options | {"FieldWells": wells}
    return {f"{kind}Visual": {"VisualId": name, "Title": title, "ChartConfiguration": configuration}}


def _wells(chart: str, dimensions: list[Definition], measures: list[Definition]) -> Definition:
    """The field wells of a line or bar chart: the first dimension is the axis, the second one the colour."""
    wells = {"Category": dimensions[:1], "Values": measures} | ({"Colors": dimensions[1:]} if dimensions[1:] else {})
    return {f"{chart}AggregatedFieldWells": wells}


def _plain(tile: Tile, column: str) -> Definition:
    return {"FieldId": f"{tile.data_set}.{column}", "Column": _column(tile.data_set, column)}


def _dimension(tile: Tile, column: str) -> Definition:
    if column == tile.time:
        return {"DateDimensionField": _plain(tile, column) | {"DateGranularity": "HOUR"}}
    return {"CategoricalDimensionField": _plain(tile, column)}


def _measure(tile: Tile, column: str) -> Definition:
    calculated = column not in _data_set(tile.data_set).columns
    how = "AVERAGE" if column in AVERAGED else "SUM"
    aggregated = {} if calculated else {"AggregationFunction": {"SimpleNumericalAggregation": how}}
    return {"NumericalMeasureField": _plain(tile, column) | aggregated}


def _data_set(name: str) -> DataSet:
    return next(each for each in data_sets() if each.name == name)


def _column(data_set: str, name: str) -> Definition:
    return {"DataSetIdentifier": data_set, "ColumnName": name}


def _filter_id(sheet: Sheet, given: Mapping[str, Any]) -> str:
    return f"{sheet.name}-{given['column']}"


def _filter_groups(sheet: Sheet) -> list[Definition]:
    """One group for each filter, which applies to every data set of the sheet that has the column."""
    scope = {"SheetVisualScopingConfigurations": [{"SheetId": sheet.name, "Scope": "ALL_VISUALS"}]}
    return [
        {
            "FilterGroupId": f"{_filter_id(sheet, given)}-group",
            "Filters": [_filter(sheet, given)],
            "ScopeConfiguration": {"SelectedSheets": scope},
            "CrossDataset": "ALL_DATASETS",
            "Status": "ENABLED",
        }
        for given in sheet.filters
    ]


def _filter(sheet: Sheet, given: Mapping[str, Any]) -> Definition:
    name = given["column"]
    owner = next(tile.data_set for tile in sheet.tile if name in _data_set(tile.data_set).columns)
    own = {"FilterId": _filter_id(sheet, given), "Column": _column(owner, name)}
    if "hours" not in given:
        every = {"FilterListConfiguration": {"MatchOperator": "CONTAINS", "SelectAllOptions": "FILTER_ALL_VALUES"}}
        return {"CategoryFilter": own | {"Configuration": every}}
    last = {"RelativeDateType": "LAST", "RelativeDateValue": given["hours"], "TimeGranularity": "HOUR"}
    now = {"AnchorDateConfiguration": {"AnchorOption": "NOW"}, "NullOption": "NON_NULLS_ONLY"}
    return {"RelativeDatesFilter": own | last | now}


def _control(sheet: Sheet, given: Mapping[str, Any]) -> Definition:
    name = _filter_id(sheet, given)
    own = {"FilterControlId": f"{name}-control", "SourceFilterId": name, "Title": given["column"].replace("_", " ")}
    return {"RelativeDateTime": own} if "hours" in given else {"Dropdown": own | {"Type": "MULTI_SELECT"}}

"""The charts of the page Models: drift, and the champion beside its challenger."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from deploy.dashboard.charts import COLORS, NET, ROWS, SENTIMENTS, Chart, built_once, dashed_line

HOUR = alt.X("hour:T", title=None, axis=alt.Axis(format="%d %b %H:%M", labelAngle=0, labelOverlap=True))
DISTANCES = {
    "psi_label": "sentiment",
    "psi_polarity": "polarity",
    "psi_confidence": "confidence",
    "psi_length": "length",
}
DISTANCE_COLORS = ["#264653", "#2a9d8f", "#e9c46a", "#d1495b"]
# A population stability index above this means that the distribution changed.
SEVERE = 0.25
PSI_TICKS = [0, 0.1, 0.25, 0.5, 1, 2, 5, 10]
LOGARITHMIC = alt.Scale(type="symlog", constant=0.1)


def drift_over_time(hours: pd.DataFrame) -> Chart:
    """PSI of each histogram by hour, on a symmetric log scale, with the limit as a dashed line."""
    long = hours[["hour", "model_version", *DISTANCES]].melt(["hour", "model_version"], var_name="of", value_name="PSI")
    long["of"] = long["of"].map(DISTANCES)
    return Chart(long, _drift())


@built_once
def _drift() -> Any:
    scale = alt.Scale(domain=list(DISTANCES.values()), range=DISTANCE_COLORS)
    lines = (
        alt.Chart()
        .mark_line(point=alt.OverlayMarkDef(size=55, filled=True), strokeWidth=2.5)
        .encode(
            x=HOUR,
            y=alt.Y("PSI:Q", scale=LOGARITHMIC, title="PSI", axis=alt.Axis(values=PSI_TICKS, format="~g")),
            color=alt.Color("of:N", scale=scale, title=None, legend=alt.Legend(orient="top")),
            detail=alt.Detail("model_version:N"),
            tooltip=[
                alt.Tooltip("hour:T"),
                alt.Tooltip("model_version:N"),
                alt.Tooltip("of:N"),
                alt.Tooltip("PSI:Q", format=".3f"),
            ],
        )
    )
    limit = dashed_line("PSI", SEVERE).encode(y=alt.Y("PSI:Q"))
    return alt.layer(lines, limit, data=ROWS).properties(height=300)


def drift_now(hour: pd.Series[Any]) -> Chart:
    """PSI of each histogram of one hour as bars, with the limit as a dashed line."""
    return Chart(pd.DataFrame([{"of": name, "PSI": hour[column]} for column, name in DISTANCES.items()]), _distances())


@built_once
def _distances() -> Any:
    scale = alt.Scale(domain=list(DISTANCES.values()), range=DISTANCE_COLORS)
    bars = (
        alt.Chart()
        .mark_bar(height=22, cornerRadiusEnd=3)
        .encode(
            x=alt.X("PSI:Q", scale=LOGARITHMIC, title="PSI", axis=alt.Axis(values=PSI_TICKS, format="~g")),
            y=alt.Y("of:N", title=None, sort=None),
            color=alt.Color("of:N", scale=scale, legend=None),
            tooltip=[alt.Tooltip("of:N"), alt.Tooltip("PSI:Q", format=".3f")],
        )
    )
    limit = dashed_line("PSI", SEVERE).encode(x=alt.X("PSI:Q"))
    return alt.layer(bars, limit, data=ROWS).properties(height=190)


def polarities(counts: Any) -> Chart:
    """The polarities of one hour's texts as a histogram, red to green; `counts` are of equal bins from -1 to 1."""
    width = 2 / len(counts)
    middles = [round(-1 + width * (place + 0.5), 3) for place in range(len(counts))]
    return Chart(pd.DataFrame({"polarity": middles, "texts": [int(count) for count in counts]}), _histogram())


@built_once
def _histogram() -> Any:
    return (
        alt.Chart(ROWS)
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X("polarity:O", title="polarity", axis=alt.Axis(format="+.1f", labelAngle=0)),
            y=alt.Y("texts:Q", title="texts", axis=alt.Axis(tickCount=4)),
            color=alt.Color("polarity:Q", scale=NET, legend=None),
            tooltip=[alt.Tooltip("polarity:Q", format="+.2f"), alt.Tooltip("texts:Q")],
        )
        .properties(height=190)
    )


def by_hour(hours: pd.DataFrame, measure: str, title: str, form: str, color: str = "#2a9d8f") -> Chart:
    """One measure by hour, a line for each version (column `of`)."""
    return Chart(hours[["hour", "of", "texts", measure]], _line(measure, title, form, color))


@built_once
def _line(measure: str, title: str, form: str, color: str) -> Any:
    return (
        alt.Chart(ROWS)
        .mark_line(point=alt.OverlayMarkDef(size=55, filled=True, color=color), strokeWidth=2.5, color=color)
        .encode(
            x=HOUR,
            y=alt.Y(f"{measure}:Q", title=title, axis=alt.Axis(format=form, tickCount=4), scale=alt.Scale(zero=False)),
            detail=alt.Detail("of:N"),
            tooltip=[
                alt.Tooltip("hour:T"),
                alt.Tooltip("of:N", title="version"),
                alt.Tooltip("texts:Q"),
                alt.Tooltip(f"{measure}:Q", format=form),
            ],
        )
        .properties(height=150)
    )


def sentiments_of_both(shadow: pd.DataFrame) -> Chart:
    """Shares of the sentiments that champion and challenger gave to the same texts, a bar for each."""
    long = pd.DataFrame(
        [
            {"model": who, "sentiment": name, "texts": int(shadow[f"{who}_{name}"].sum())}
            for who in ("champion", "challenger")
            for name in SENTIMENTS
        ]
    )
    return Chart(long, _both())


@built_once
def _both() -> Any:
    return (
        alt.Chart(ROWS)
        .mark_bar(height=26)
        .encode(
            x=alt.X("texts:Q", stack="normalize", title=None, axis=alt.Axis(format="%")),
            y=alt.Y("model:N", title=None),
            color=alt.Color("sentiment:N", scale=COLORS, title=None, legend=alt.Legend(orient="top")),
            order=alt.Order("sentiment:N"),
            tooltip=[alt.Tooltip("model:N"), alt.Tooltip("sentiment:N"), alt.Tooltip("texts:Q")],
        )
        .properties(height=170)
    )

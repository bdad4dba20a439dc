"""The dashboard's charts: functions from data frames to charts. The pages about models have theirs in model_charts.py.

Altair builds each chart's specification once for each size: to build, copy and check it costs more than everything else
that a live page does, and only the rows differ from redraw to redraw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import altair as alt
import pandas as pd
from altair.utils import schemapi

# Each specification is checked against the schema as a whole, when it is finished. Tests turn the check of parts on.
schemapi.disable_debug_mode()

SENTIMENTS = ["negative", "neutral", "positive"]
SENTIMENT_COLORS = ["#d1495b", "#b8b8b8", "#2a9d8f"]
COLORS = alt.Scale(domain=SENTIMENTS, range=SENTIMENT_COLORS)
NET = alt.Scale(scheme="redyellowgreen", domain=[-0.6, 0.6], clamp=True)
PERCENT_POINTS = "+.0%"
CERTAIN_TEXTS = 200  # a mark of so many texts or more is drawn in full colour
ROWS = alt.NamedData("rows")  # stands for a chart's rows


class Chart(NamedTuple):
    """Rows, and the Vega-Lite specification that draws them; it may have other rows of its own, such as a limit."""

    rows: pd.DataFrame
    specification: Mapping[str, Any]

    def draw(self, place: Any) -> None:
        """Draw it as wide as `place`, a part of a page."""
        place.vega_lite_chart(self.whole(), width="stretch")

    def whole(self) -> dict[str, Any]:
        """The specification with the rows, under a name that only these rows have.

        Streamlit's page takes rows of a known name for the known ones with more at the end, if the first and the last
        one are the same, and would go on to show the others as they were.
        """
        content = pd.util.hash_pandas_object(self.rows, index=False).to_numpy().tobytes()
        name = f"rows-{hashlib.sha256(content).hexdigest()[:32]}"
        data_sets = {name: self.rows, **self.specification.get("datasets", {})}
        return {**self.specification, "data": {"name": name}, "datasets": data_sets}


def built_once(build: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """A function that returns the specification of the chart that `build` makes of its arguments: of sizes, not rows.

    The rows (ROWS) and Altair's own theme, which Streamlit's replaces, are left out of it.
    """

    @lru_cache(maxsize=256)
    def specification(*arguments: Any) -> dict[str, Any]:
        found: dict[str, Any] = build(*arguments).to_dict()
        return {key: value for key, value in found.items() if key not in ("config", "data", "$schema")}

    return specification


def height_of(bars: int) -> int:
    """The height of a chart with so many horizontal bars, in pixels."""
    return max(120, 26 * bars)


def sentiment_over_time(buckets: pd.DataFrame, minutes: int) -> Chart:
    """Shares of the three sentiments as a bar a bucket of so many minutes: pale where texts are few."""
    long = buckets.melt(["bucket", "events"], SENTIMENTS, "sentiment", "texts")
    long["end"] = long["bucket"] + pd.Timedelta(minutes=minutes)
    long["share"] = long["texts"] / long["events"]
    # Vega does not stack bars with two ends on the time axis, so they are stacked here.
    long["high"] = long.groupby("bucket")["share"].cumsum()
    long["low"] = long["high"] - long["share"]
    return Chart(long, _shares())


@built_once
def _shares() -> Any:
    return (
        alt.Chart(ROWS)
        .mark_rect()
        .encode(
            x=alt.X("bucket:T", title=None),
            x2=alt.X2("end:T"),
            y=alt.Y("low:Q", title=None, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            y2=alt.Y2("high:Q"),
            color=alt.Color("sentiment:N", scale=COLORS, title=None, legend=alt.Legend(orient="top")),
            opacity=_certainty(),
            tooltip=[
                alt.Tooltip("bucket:T"),
                alt.Tooltip("sentiment:N"),
                alt.Tooltip("texts:Q"),
                alt.Tooltip("events:Q", title="texts in all"),
            ],
        )
        .properties(height=240)
    )


def net_over_time(buckets: pd.DataFrame, minutes: int) -> Chart:
    """Net sentiment with its 95 % interval, and the number of texts as bars behind; a gap where nobody wrote."""
    gap = buckets["bucket"].diff() > pd.Timedelta(minutes=2 * minutes)
    low, high = buckets["net"] - buckets["margin"], buckets["net"] + buckets["margin"]
    return Chart(buckets.assign(run=gap.cumsum(), low=low.clip(-1, 1), high=high.clip(-1, 1)), _net())


@built_once
def _net() -> Any:
    x = alt.X("bucket:T", title=None)
    count = alt.Y("events:Q", title="texts", axis=alt.Axis(orient="right", format="~s", grid=False))
    bars = alt.Chart().mark_bar(color="#8a8f98", opacity=0.25).encode(x=x, y=count)
    scale, axis = alt.Scale(domain=[-1, 1]), alt.Axis(format=PERCENT_POINTS, orient="left")
    base = alt.Chart().encode(x=x, detail=alt.Detail("run:N"))
    band = base.mark_area(opacity=0.25, color="#2a9d8f").encode(
        y=alt.Y("low:Q", title="net sentiment", scale=scale, axis=axis), y2=alt.Y2("high:Q")
    )
    line = base.mark_line(point=alt.OverlayMarkDef(color="#2a9d8f"), color="#2a9d8f", strokeWidth=2).encode(
        y=alt.Y("net:Q", title="net sentiment", scale=scale, axis=axis),
        tooltip=[
            alt.Tooltip("bucket:T"),
            alt.Tooltip("net:Q", format="+.2f"),
            alt.Tooltip("margin:Q", format=".2f"),
            alt.Tooltip("events:Q"),
        ],
    )
    return alt.layer(bars, alt.layer(band, line), data=ROWS).resolve_scale(y="independent").properties(height=200)


def _certainty() -> Any:
    """Opacity by the number of texts, so that the result of three texts looks less certain than that of a thousand."""
    scale = alt.Scale(domain=[0, CERTAIN_TEXTS], range=[0.2, 1], type="sqrt", clamp=True)
    return alt.Opacity("events:Q", scale=scale, legend=None)


def ranked(frame: pd.DataFrame, name: str) -> Chart:
    """Bars by `name`: length by number of texts, colour by net sentiment."""
    return Chart(frame, _ranked(name, height_of(len(frame))))


@built_once
def _ranked(name: str, height: int) -> Any:
    return (
        alt.Chart(ROWS)
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X("events:Q", title="texts"),
            y=alt.Y(f"{name}:N", sort="-x", title=None, axis=alt.Axis(labelOverlap=False)),
            color=alt.Color("net:Q", scale=NET, title="net"),
            tooltip=[alt.Tooltip(f"{name}:N"), alt.Tooltip("events:Q"), alt.Tooltip("net:Q", format="+.2f")],
        )
        .properties(height=height)
    )


def cohorts(frame: pd.DataFrame) -> Chart:
    """Net sentiment by location and age band, with the number of texts; a cell of few texts is pale."""
    return Chart(frame, _cells(max(160, 22 * frame["location"].nunique())))


@built_once
def _cells(height: int) -> Any:
    base = alt.Chart().encode(
        x=alt.X("age_band:N", title=None, sort=["under 18"], axis=alt.Axis(labelAngle=0)),
        y=alt.Y("location:N", title=None, axis=alt.Axis(labelOverlap=False)),
        tooltip=[
            alt.Tooltip("location:N"),
            alt.Tooltip("age_band:N"),
            alt.Tooltip("events:Q"),
            alt.Tooltip("net:Q", format="+.2f"),
        ],
    )
    cells = base.mark_rect(cornerRadius=2).encode(
        color=alt.Color("net:Q", scale=NET, title="net"), opacity=_certainty()
    )
    counts = base.mark_text(fontSize=10, opacity=0.8, color="#8a8f98").encode(text=alt.Text("events:Q", format="~s"))
    return alt.layer(cells, counts, data=ROWS).properties(height=height)


def drivers(frame: pd.DataFrame) -> Chart:
    """Bars of the points that each group (column `name`) added to the change; a bar to the left means a decrease."""
    return Chart(frame.assign(rose=frame["carried"] > 0), _drivers(height_of(len(frame))))


@built_once
def _drivers(height: int) -> Any:
    return (
        alt.Chart(ROWS)
        .mark_bar(cornerRadius=2)
        .encode(
            x=alt.X("carried:Q", title="part of the change", axis=alt.Axis(format=PERCENT_POINTS, tickCount=4)),
            y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelOverlap=False, labelLimit=140)),
            color=alt.Color("rose:N", scale=alt.Scale(domain=[True, False], range=["#2a9d8f", "#d1495b"]), legend=None),
            tooltip=[
                alt.Tooltip("name:N"),
                alt.Tooltip("carried:Q", format="+.3f"),
                alt.Tooltip("net:Q", format="+.2f"),
                alt.Tooltip("net_before:Q", format="+.2f"),
                alt.Tooltip("events:Q"),
                alt.Tooltip("events_before:Q"),
            ],
        )
        .properties(height=height)
    )


def rejected(frame: pd.DataFrame) -> Chart:
    """Rejected events by minute and reason."""
    return Chart(frame, _rejected())


@built_once
def _rejected() -> Any:
    return (
        alt.Chart(ROWS)
        .mark_bar()
        .encode(
            x=alt.X("minute:T", title=None),
            y=alt.Y("events:Q", title="events"),
            color=alt.Color("reason:N", title=None),
            tooltip=[alt.Tooltip("minute:T"), alt.Tooltip("reason:N"), alt.Tooltip("events:Q")],
        )
        .properties(height=260)
    )


def freshness(frame: pd.DataFrame, goal: float) -> Chart:
    """Lag of gold's batches, median and 95th percentile; a dashed line at the goal, in seconds."""
    long = frame.rename(columns={"lag_p50_s": "p50", "lag_p95_s": "p95"}).melt(
        "committed_at", ["p50", "p95"], "percentile", "seconds"
    )
    return Chart(long, _lags(goal))


def cost(frame: pd.DataFrame) -> Chart:
    """CPU seconds for a million events (`per_million`) by `minute`."""
    return Chart(frame, _costs())


@built_once
def _costs() -> Any:
    return (
        alt.Chart(ROWS)
        .mark_line(point=True, color="#2a9d8f")
        .encode(
            x=alt.X("minute:T", title=None),
            y=alt.Y("per_million:Q", title="CPU seconds a million events"),
            tooltip=[alt.Tooltip("minute:T"), alt.Tooltip("per_million:Q", format=",.0f")],
        )
        .properties(height=220)
    )


@built_once
def _lags(goal: float) -> Any:
    lines = (
        alt.Chart()
        .mark_line(interpolate="step-after")
        .encode(
            x=alt.X("committed_at:T", title=None),
            y=alt.Y("seconds:Q", title="seconds"),
            color=alt.Color("percentile:N", title=None, scale=alt.Scale(range=["#2a9d8f", "#e9c46a"])),
            tooltip=[
                alt.Tooltip("committed_at:T"),
                alt.Tooltip("percentile:N"),
                alt.Tooltip("seconds:Q", format=".1f"),
            ],
        )
    )
    limit = dashed_line("seconds", goal).encode(y=alt.Y("seconds:Q"))
    return alt.layer(limit, lines, data=ROWS).properties(height=260)


def dashed_line(measure: str, limit: float) -> Any:
    """A rule with a row of its own, whose column `measure` has the value `limit`."""
    return alt.Chart(alt.InlineData([{measure: limit}])).mark_rule(strokeDash=[5, 4], color="#8a8f98")

"""The dashboard's charts: functions from data frames to Altair charts."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd
from altair.utils import schemapi

# Encodings are objects here: a string in place of one costs milliseconds, in which Altair looks for its type.
# Altair would check each part of each chart against its schema at every redraw, which takes longer than all else.
# Tests turn the check on.
schemapi.disable_debug_mode()

SENTIMENTS = ["negative", "neutral", "positive"]
SENTIMENT_COLORS = ["#d1495b", "#b8b8b8", "#2a9d8f"]
COLORS = alt.Scale(domain=SENTIMENTS, range=SENTIMENT_COLORS)
POLARITY = alt.Scale(scheme="redyellowgreen", domain=[-0.6, 0.6], clamp=True)


NET = alt.Scale(scheme="redyellowgreen", domain=[-0.6, 0.6], clamp=True)
PERCENT_POINTS = "+.0%"
CERTAIN_TEXTS = 200  # a mark of so many texts or more is drawn in full colour


def sentiment_over_time(buckets: pd.DataFrame, minutes: int) -> Any:
    """Shares of the three sentiments as a bar a bucket of so many minutes: pale where texts are few."""
    long = buckets.melt(["bucket", "events"], SENTIMENTS, "sentiment", "texts")
    long["end"] = long["bucket"] + pd.Timedelta(minutes=minutes)
    long["share"] = long["texts"] / long["events"]
    # Vega does not stack bars with two ends on the time axis, so they are stacked here.
    long["high"] = long.groupby("bucket")["share"].cumsum()
    long["low"] = long["high"] - long["share"]
    return (
        alt.Chart(long)
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


def net_over_time(buckets: pd.DataFrame, minutes: int) -> Any:
    """Net sentiment with its 95 % interval, and the number of texts as bars behind; a gap where nobody wrote."""
    gap = buckets["bucket"].diff() > pd.Timedelta(minutes=2 * minutes)
    low, high = buckets["net"] - buckets["margin"], buckets["net"] + buckets["margin"]
    shown = buckets.assign(run=gap.cumsum(), low=low.clip(-1, 1), high=high.clip(-1, 1))
    x = alt.X("bucket:T", title=None)
    count = alt.Y("events:Q", title="texts", axis=alt.Axis(orient="right", format="~s", grid=False))
    # The layers share the rows of the whole chart: with rows of their own each would be printed to be told apart.
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
    return alt.layer(bars, alt.layer(band, line), data=shown).resolve_scale(y="independent").properties(height=200)


def _certainty() -> Any:
    """Opacity by the number of texts, so that the result of three texts looks less certain than that of a thousand."""
    scale = alt.Scale(domain=[0, CERTAIN_TEXTS], range=[0.2, 1], type="sqrt", clamp=True)
    return alt.Opacity("events:Q", scale=scale, legend=None)


def ranked(frame: pd.DataFrame, name: str) -> Any:
    """Bars by `name`: length by number of texts, colour by net sentiment."""
    return (
        alt.Chart(frame)
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X("events:Q", title="texts"),
            y=alt.Y(f"{name}:N", sort="-x", title=None, axis=alt.Axis(labelOverlap=False)),
            color=alt.Color("net:Q", scale=NET, title="net"),
            tooltip=[alt.Tooltip(f"{name}:N"), alt.Tooltip("events:Q"), alt.Tooltip("net:Q", format="+.2f")],
        )
        .properties(height=max(120, 26 * len(frame)))
    )


def cohorts(frame: pd.DataFrame) -> Any:
    """Net sentiment by location and age band, with the number of texts; a cell of few texts is pale."""
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
    return alt.layer(cells, counts, data=frame).properties(height=max(160, 22 * frame["location"].nunique()))


def drivers(frame: pd.DataFrame) -> Any:
    """Bars of the points that each group (column `name`) added to the change; a bar to the left means a decrease."""
    return (
        alt.Chart(frame.assign(rose=frame["carried"] > 0))
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
        .properties(height=max(120, 26 * len(frame)))
    )


def rejected(frame: pd.DataFrame) -> Any:
    """Rejected events by minute and reason."""
    return (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("minute:T", title=None),
            y=alt.Y("events:Q", title="events"),
            color=alt.Color("reason:N", title=None),
            tooltip=[alt.Tooltip("minute:T"), alt.Tooltip("reason:N"), alt.Tooltip("events:Q")],
        )
        .properties(height=260)
    )


def freshness(frame: pd.DataFrame, goal: float) -> Any:
    """Lag of gold's batches, median and 95th percentile; a dashed line at the goal, in seconds."""
    long = frame.rename(columns={"lag_p50_s": "p50", "lag_p95_s": "p95"}).melt(
        "committed_at", ["p50", "p95"], "percentile", "seconds"
    )
    lines = (
        alt.Chart(long)
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
    limit = alt.Chart(pd.DataFrame({"seconds": [goal]})).mark_rule(strokeDash=[5, 4], color="#8a8f98")
    return (limit.encode(y=alt.Y("seconds:Q")) + lines).properties(height=260)


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


def drift_over_time(hours: pd.DataFrame) -> Any:
    """PSI of each histogram by hour, on a symmetric log scale, with the limit as a dashed line."""
    long = hours[["hour", "model_version", *DISTANCES]].melt(["hour", "model_version"], var_name="of", value_name="PSI")
    long["of"] = long["of"].map(DISTANCES)
    scale = alt.Scale(domain=list(DISTANCES.values()), range=DISTANCE_COLORS)
    lines = (
        alt.Chart(long)
        .mark_line(point=alt.OverlayMarkDef(size=55, filled=True), strokeWidth=2.5)
        .encode(
            x=HOUR,
            y=alt.Y(
                "PSI:Q",
                scale=alt.Scale(type="symlog", constant=0.1),
                title="PSI",
                axis=alt.Axis(values=PSI_TICKS, format="~g"),
            ),
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
    limit = alt.Chart(pd.DataFrame({"PSI": [SEVERE]})).mark_rule(strokeDash=[5, 4], color="#8a8f98")
    return (limit.encode(y=alt.Y("PSI:Q")) + lines).properties(height=300)


def drift_now(hour: pd.Series[Any]) -> Any:
    """PSI of each histogram of one hour as bars, with the limit as a dashed line."""
    frame = pd.DataFrame([{"of": name, "PSI": hour[column]} for column, name in DISTANCES.items()])
    x = alt.X(
        "PSI:Q", scale=alt.Scale(type="symlog", constant=0.1), title="PSI", axis=alt.Axis(values=PSI_TICKS, format="~g")
    )
    bars = (
        alt.Chart(frame)
        .mark_bar(height=22, cornerRadiusEnd=3)
        .encode(
            x=x,
            y=alt.Y("of:N", title=None, sort=None),
            color=alt.Color("of:N", scale=alt.Scale(domain=frame["of"].tolist(), range=DISTANCE_COLORS), legend=None),
            tooltip=[alt.Tooltip("of:N"), alt.Tooltip("PSI:Q", format=".3f")],
        )
    )
    limit = alt.Chart(pd.DataFrame({"PSI": [SEVERE]})).mark_rule(strokeDash=[5, 4], color="#8a8f98")
    return (bars + limit.encode(x=alt.X("PSI:Q"))).properties(height=190)


def polarities(counts: Any) -> Any:
    """The polarities of one hour's texts as a histogram, red to green; `counts` are of equal bins from -1 to 1."""
    width = 2 / len(counts)
    middles = [round(-1 + width * (place + 0.5), 3) for place in range(len(counts))]
    frame = pd.DataFrame({"polarity": middles, "texts": [int(count) for count in counts]})
    return (
        alt.Chart(frame)
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X("polarity:O", title="polarity", axis=alt.Axis(format="+.1f", labelAngle=0)),
            y=alt.Y("texts:Q", title="texts", axis=alt.Axis(tickCount=4)),
            color=alt.Color("polarity:Q", scale=POLARITY, legend=None),
            tooltip=[alt.Tooltip("polarity:Q", format="+.2f"), alt.Tooltip("texts:Q")],
        )
        .properties(height=190)
    )


def by_hour(hours: pd.DataFrame, measure: str, title: str, form: str, color: str = "#2a9d8f") -> Any:
    """One measure by hour, a line for each version (column `of`)."""
    return (
        alt.Chart(hours)
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


def sentiments_of_both(shadow: pd.DataFrame) -> Any:
    """Shares of the sentiments that champion and challenger gave to the same texts, a bar for each."""
    long = pd.DataFrame(
        [
            {"model": who, "sentiment": name, "texts": int(shadow[f"{who}_{name}"].sum())}
            for who in ("champion", "challenger")
            for name in SENTIMENTS
        ]
    )
    return (
        alt.Chart(long)
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

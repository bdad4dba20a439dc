"""The report's drawings: SVG text or a PNG as a data URL, with a clear background for light and dark pages."""

from __future__ import annotations

import base64
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

import pandas as pd

from deploy.dashboard import change, clouds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GREY, RISE, FALL = "#8a8f98", "#2a9d8f", "#d1495b"
SHOWN = 12


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    axes.tick_params(colors=GREY)
    axes.spines[:].set_color(GREY)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure, description: str) -> str:
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{description}"', 1)


def by_hour(minutes: pd.DataFrame) -> str:
    """Net sentiment by hour with its 95 % interval, over bars of the number of texts."""
    hours = minutes.assign(hour=minutes["minute"].dt.hour).groupby("hour")
    nets = {hour: change.net(frame) for hour, frame in hours}
    at, values = list(nets), [100 * each.value for each in nets.values()]
    figure, axes = _figure(9, 3)
    axes.errorbar(at, values, [100 * each.margin for each in nets.values()], color=RISE, marker="o", capsize=3)
    axes.axhline(0, color=GREY, linewidth=0.5)
    axes.set(xlim=(-0.6, 23.6), xticks=range(0, 24, 3))
    axes.set_xlabel("hour of the day (UTC)", color=GREY)
    axes.set_ylabel("net sentiment", color=GREY)
    volume = axes.twinx()
    volume.bar(at, [each.texts for each in nets.values()], color=GREY, alpha=0.25)
    volume.set_ylabel("texts", color=GREY)
    volume.tick_params(colors=GREY)
    volume.spines[:].set_visible(False)
    return _svg(figure, "Net sentiment and number of texts by hour")


def drivers(frame: pd.DataFrame) -> str:
    """How many points each group added to the change, the largest first."""
    shown = frame.head(SHOWN).iloc[::-1]
    names = [name[:32] for name in change.names(shown)]
    figure, axes = _figure(4.2, 0.5 + 0.26 * len(shown))
    parts = 100 * shown["carried"]
    axes.barh(range(len(shown)), parts, color=[RISE if part > 0 else FALL for part in parts])
    axes.set_yticks(range(len(shown)), names)
    axes.axvline(0, color=GREY, linewidth=0.5)
    axes.set_xlabel("points of the change", color=GREY)
    return _svg(figure, "What carried the change")


def cloud(terms: pd.DataFrame, sentiment: str) -> str:
    """A data URL of a cloud of terms, by how typical they are for a sentiment; empty if none is."""
    found = change.telling(terms, sentiment)
    if found.empty:
        return ""
    content = BytesIO()
    clouds.cloud(found, sentiment, 560, 320).to_image().save(content, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"

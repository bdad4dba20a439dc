"""Writes the report as one HTML file without scripts and without links to other files."""

from __future__ import annotations

from html import escape

import pandas as pd

from deploy.dashboard import change, clouds
from deploy.dashboard.report import figures
from deploy.dashboard.report.day import Day

STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;"
    "padding:0 1rem}svg,img{max-width:100%;height:auto}td,th{padding:.2rem .8rem;text-align:right}"
    "th:first-child,td:first-child{text-align:left}.row{display:flex;flex-wrap:wrap;gap:1rem}.row>*{flex:1 1 18rem}"
    "blockquote{margin:.4rem 0;padding:.3rem .8rem;border-left:3px solid #8888}"
)
MAX_CHARACTERS = 400
COHORTS = 15


def of(day: Day) -> str:
    """The page of a day."""
    title = f"Moodstream, {day.day:%d %B %Y}"
    parts = [
        f"<h1>{title}</h1><p><strong>{escape(day.summary)}</strong></p>",
        _numbers(day),
        f"<h2>Through the day</h2>{figures.by_hour(day.minutes)}",
        _drivers(day),
        _clouds(day.terms),
        _cohorts(day.cohorts),
        _strongest(day),
        _pipeline(day),
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f"{head}{''.join(parts)}</html>\n"


def _numbers(day: Day) -> str:
    compared = day.compared
    margin = f" ±{100 * day.net.margin:.1f}"
    lines = {"Net sentiment": f"{change.points(day.net.value)}{margin}", "Texts": f"{day.net.texts:,}"}
    if compared.before.texts:
        chance = "" if compared.known else ", which may be chance"
        lines["Against the day before"] = f"{100 * compared.difference:+.1f} ±{100 * compared.margin:.1f}{chance}"
        lines["Texts the day before"] = f"{compared.before.texts:,}"
    rows = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in lines.items())
    explained = "Net sentiment is the share of positive texts minus the share of negative ones, in points of a hundred."
    return f"<table>{rows}</table><p><small>{explained}</small></p>"


def _drivers(day: Day) -> str:
    if not day.compared.before.texts:
        return ""
    shown = "".join(
        f"<div><h3>{kind.capitalize()}s</h3>{figures.drivers(frame)}</div>"
        for kind, frame in day.drivers.items()
        if not frame.empty
    )
    return f'<h2>What carried the change</h2><div class="row">{shown}</div>'


def _clouds(terms: pd.DataFrame) -> str:
    if terms.empty:
        return ""
    drawn = {name: figures.cloud(terms, name) for name in clouds.WORD_COLORS}
    pictures = "".join(
        f'<figure><img src="{url}" alt="words typical for {name} texts"><figcaption>{name}</figcaption></figure>'
        for name, url in drawn.items()
        if url
    )
    return f'<h2>Words typical for each sentiment</h2><div class="row">{pictures}</div>' if pictures else ""


def _cohorts(cohorts: pd.DataFrame) -> str:
    if cohorts.empty:
        return ""
    cells = cohorts.groupby(["location", "age_band"], as_index=False)[change.COUNTS].sum()
    rows = []
    for _, cell in cells.nlargest(COHORTS, "events").iterrows():
        found = change.net(cell.to_frame().T)
        name = escape(f"{cell['location']}, {cell['age_band']}")
        value = f"{change.points(found.value)} ±{100 * found.margin:.0f}"
        rows.append(f"<tr><td>{name}</td><td>{found.texts:,}</td><td>{value}</td></tr>")
    head = "<tr><th>cohort</th><th>texts</th><th>net sentiment</th></tr>"
    return f"<h2>The largest cohorts</h2><table>{head}{''.join(rows)}</table>"


def _strongest(day: Day) -> str:
    parts = []
    for sentiment, posts in day.strongest.items():
        quoted = "".join(
            f"<blockquote>{escape(str(text)[:MAX_CHARACTERS])} <small>({polarity:+.2f})</small></blockquote>"
            for text, polarity in zip(posts["text"], posts["polarity"], strict=True)
        )
        parts.append(f"<div><h3>Most {sentiment}</h3>{quoted}</div>")
    return f'<h2>Posts</h2><div class="row">{"".join(parts)}</div>' if parts else ""


def _pipeline(day: Day) -> str:
    lag = f"Gold's lag (p95) was {day.lags['lag_p95_s'].max():.1f} s at most. " if not day.lags.empty else ""
    if day.rejected.empty:
        return f"<h2>Pipeline</h2><p>{lag}No event was rejected.</p>"
    reasons = day.rejected.groupby("reason")["events"].sum().sort_values(ascending=False)
    rows = "".join(f"<tr><td>{escape(str(name))}</td><td>{count:,}</td></tr>" for name, count in reasons.items())
    return f"<h2>Pipeline</h2><p>{lag}Rejected events by reason:</p><table>{rows}</table>"

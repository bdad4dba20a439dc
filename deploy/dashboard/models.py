"""The page Models: the stream's drift, shadow scoring, quality on labelled texts, and the versions that served."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from deploy.dashboard import charts, lake, model_charts
from deploy.dashboard.view import View

MIN_PROFILE_TEXTS = 200  # a profile of fewer texts says nothing
DAY = timedelta(days=1)  # tables by hour are shown for at least a day
VERSIONS: dict[Any, Any] = {
    "model_version": "version",
    "entity": "of",
    "events": st.column_config.NumberColumn("texts", format="localized"),
    **{name: st.column_config.NumberColumn(name, format="%.1f %%") for name in charts.SENTIMENTS},
    "polarity": st.column_config.NumberColumn("polarity", format="%+.3f"),
}

QUALITY: dict[Any, Any] = {
    "model_version": "version",
    "role": "as",
    "texts": st.column_config.NumberColumn("labelled texts", format="localized"),
    "macro_f1": st.column_config.NumberColumn("macro-F1", format="%.3f"),
    "right": st.column_config.NumberColumn("right", format="%.1f %%"),
}


def draw(view: View) -> None:
    """The page."""
    left, right = st.columns(2, gap="large")
    with left:
        _drift(view.local(_hours(view, "gold/drift_by_hour")))
    with right:
        _shadow(view.local(_hours(view, "gold/shadow_by_hour")))
    _labelled(_hours(view, "gold/labelled_by_hour"))
    versions = _hours(view, "gold/sentiment_by_model")
    if not versions.empty:
        st.header("Versions in service")
        st.dataframe(lake.by_version(versions), hide_index=True, width="stretch", column_config=VERSIONS)


def _hours(view: View, name: str) -> pd.DataFrame:
    since = (view.until - max(view.span, DAY)).replace(minute=0, second=0, microsecond=0)
    return view.lake.rows(name, "hour", since)


def _drift(hours: pd.DataFrame) -> None:
    st.header("Drift")
    if hours.empty:
        st.caption("No texts looked at yet.")
        return
    newest = hours.sort_values(["hour", "texts"]).iloc[-1]
    calm = "nothing" if newest["texts"] >= MIN_PROFILE_TEXTS else "?"
    changed = calm if pd.isna(newest["changed"]) else f"the {newest['changed']}"
    columns = st.columns(3)
    columns[0].metric("Changed this hour", changed, border=True)
    compared = not pd.isna(newest["novelty"])
    columns[1].metric("Unknown words", f"{newest['novelty']:+.1%}" if compared else "?", border=True)
    columns[2].metric("Texts looked at", f"{newest['texts']:,}", border=True)
    calm_text = "texts are like those of its first day" if compared else "the first hour has nothing to compare with"
    default = calm_text if newest["texts"] >= MIN_PROFILE_TEXTS else f"fewer than {MIN_PROFILE_TEXTS} texts so far"
    why = default if pd.isna(newest["diagnosis"]) else newest["diagnosis"]
    st.caption(f"Version {newest['model_version']}: {why}. Dashed line: the limit.")
    full = hours[(hours["texts"] >= MIN_PROFILE_TEXTS) & hours["novelty"].notna()]
    if full["hour"].nunique() > 1:
        model_charts.drift_over_time(full).draw(st)
        words = full.rename(columns={"model_version": "of"})
        model_charts.by_hour(words, "novelty", "unknown words", "+.1%", "#264653").draw(st)
    elif compared:
        model_charts.drift_now(newest).draw(st)
    model_charts.polarities(newest["polarity"]).draw(st)


def _shadow(hours: pd.DataFrame) -> None:
    st.header("Shadow scoring")
    if hours.empty:
        st.caption("No challenger yet: `moodstream model train` registers one, which is then scored in the shadow.")
        return
    # Only the newest challenger.
    hours = hours[hours["challenger_version"] == hours.sort_values("hour").iloc[-1]["challenger_version"]]
    whole = lake.shadowed(hours.assign(all=""), "all").iloc[0]
    columns = st.columns(3)
    columns[0].metric("Same sentiment", f"{whole['agreement']:.1%}", border=True)
    columns[1].metric("Time a text", f"{whole['microseconds']:.0f} µs", border=True)
    columns[2].metric("Texts scored", f"{whole['texts']:,}", border=True)
    of = " and ".join(sorted(hours["champion_version"].unique()))
    st.caption(f"Version {hours.iloc[-1]['challenger_version']} beside version {of}.")
    each = lake.shadowed(hours, "hour", "champion_version").rename(columns={"champion_version": "of"})
    each = each[each["texts"] >= MIN_PROFILE_TEXTS]
    if each["hour"].nunique() > 1:
        model_charts.by_hour(each, "agreement", "same sentiment", ".1%").draw(st)
        model_charts.by_hour(each, "microseconds", "µs a text", ".0f", "#e9a23b").draw(st)
    model_charts.sentiments_of_both(hours).draw(st)


def _labelled(hours: pd.DataFrame) -> None:
    """Quality of the versions on labelled texts; draws nothing while there are no labels."""
    if hours.empty:
        return
    st.header("Judged by people")
    st.dataframe(lake.quality(hours), hide_index=True, width="stretch", column_config=QUALITY)
    st.caption(
        "For a challenger only labels newer than itself count; for a champion, all labels of texts that it scored."
    )

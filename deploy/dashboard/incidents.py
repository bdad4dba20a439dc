"""The page Incidents: each incident's series, beginning, cause and typical posts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from deploy.dashboard import texts
from deploy.dashboard.view import View
from streaming.alerts import messages
from streaming.delta.tables import recent
from streaming.tables import gold_incidents

ICONS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
WEEK = timedelta(days=7)
MARGIN = timedelta(minutes=10)  # posts are looked for around the incident's beginning


def draw(view: View) -> None:
    """The page: open incidents first, then the newest."""
    st.header("Incidents of the last week")
    found = of_last(view, WEEK)
    if not found:
        st.caption("None. The hop `watch` looks for them; the first 15 minutes of a stream are only learnt from.")
        return
    for row in sorted(found, key=lambda row: (row["state"] == "open", row["since"]), reverse=True):
        with st.expander(f"{ICONS.get(row['severity'], '')} {_title(view, row)}", expanded=row["state"] == "open"):
            st.text(messages.email(row))
            _posts(view, row)


def show_open(view: View) -> None:
    """Draw a line for each open incident on the overview."""
    for row in of_last(view, WEEK):
        if row["state"] == "open":
            show = st.error if row["severity"] == "critical" else st.warning
            show(f"{_title(view, row)}. Cause: {row['cause']}.", icon=":material/notifications_active:")


def of_last(view: View, span: timedelta) -> list[dict[str, Any]]:
    """The rows of gold/incidents that began within the span."""
    return recent(view.lake.settings, gold_incidents.TABLE, view.until - span, view.until + timedelta(minutes=1))


def _title(view: View, row: dict[str, Any]) -> str:
    since = view.local(pd.DataFrame([{"event_time": row["since"]}]))["event_time"].iloc[0]
    return f"{messages.headline(row)}, since {since:%d %b %H:%M}"


def _posts(view: View, row: dict[str, Any]) -> None:
    """Draw the typical posts. They are read from silver, so that posts of an erased person do not appear."""
    ids = set(row["posts"])
    if not ids:
        return
    found = view.lake.matching(
        "silver/posts", row["since"] - MARGIN, lambda frame: frame["event_id"].isin(ids), len(ids)
    )
    for _, post in found.iterrows():
        texts.show(view, post, [*row["topics"], *row["terms"]])

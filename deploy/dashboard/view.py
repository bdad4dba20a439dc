"""The parts that all pages share: the lake, the chosen span, the reader's time zone, and charts with their data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from deploy.dashboard.charts import Chart
from deploy.dashboard.lake import Lake

HOUR = timedelta(hours=1)
TIMES = ("minute", "hour", "committed_at", "event_time", "arrival_time", "bucket")


@dataclass(frozen=True)
class View:
    """The chosen span ends at `until`, the end of the newest minute that gold holds, and lasts `span`."""

    lake: Lake
    until: datetime
    span: timedelta
    zone: str

    @property
    def since(self) -> datetime:
        """Where the chosen span begins."""
        return self.until - self.span

    @property
    def hours_since(self) -> datetime:
        """Where the span begins in tables by hour, which always show the present hour whole."""
        return (self.until - max(self.span, HOUR)).replace(minute=0, second=0, microsecond=0)

    def minutes(self, name: str, spans: int = 1) -> pd.DataFrame:
        """A table by minute, over so many spans up to now."""
        return self.lake.rows(name, "minute", _whole(self.until - spans * self.span))

    def hours(self, name: str) -> pd.DataFrame:
        """A table by hour, over the span."""
        return self.lake.rows(name, "hour", self.hours_since)

    def local(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The same rows with times as a clock of the reader's zone shows them, for charts."""
        zone = ZoneInfo(self.zone)
        shown = {
            name: pd.to_datetime(frame[name], utc=True).dt.tz_convert(zone).dt.tz_localize(None)
            for name in TIMES
            if name in frame.columns
        }
        return frame.assign(**shown)


def _whole(time: datetime) -> datetime:
    """The minute of a time, so that all redraws within one minute have the same cache key."""
    return time.replace(second=0, microsecond=0)


def before(frame: pd.DataFrame, time: str, moment: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(rows before the moment, rows from then on)."""
    if frame.empty:
        return frame, frame
    early = frame[time] < moment
    return frame[early], frame[~early]


def evidence(place: Any, chart: Chart, frame: pd.DataFrame, query: str, name: str) -> None:
    """Draw a chart; below it, what it was drawn from: the numbers as CSV, and the query that gives them.

    `query` is one that `moodstream sql`, Athena, Redshift and DuckDB understand.
    """
    chart.draw(place)
    with place.popover("Numbers", icon=":material/table:"):
        st.caption(f"{len(frame):,} rows")
        st.dataframe(frame.head(200), hide_index=True)
        st.download_button("CSV", frame.to_csv(index=False), f"{name}.csv", "text/csv", key=f"csv-{name}")
        st.code(query, language="sql")

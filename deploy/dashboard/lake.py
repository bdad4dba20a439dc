"""Reads the lake's tables as data frames, and reads a table again only after it has a new version. Times are UTC.

The lake may be a folder or on S3: the page has a read-only role there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from streaming.delta.tables import chunks, open_table, read
from streaming.settings import Settings
from streaming.tables import gold_labelled_by_hour

DEFAULT_REGION = "us-east-1"
# Somewhat longer than what the page Overview compares, so that it finds its rows read.
NEWEST_WITHIN = timedelta(hours=27)
MEASURES = ("events", "negative", "neutral", "positive", "polarity_sum")


@dataclass
class Drawn:
    """What one drawing of a page has opened and read: snapshots, and for each table the rows since a time."""

    tables: dict[str, DeltaTable | None] = field(default_factory=dict)
    rows: dict[str, tuple[datetime, pd.DataFrame]] = field(default_factory=dict)


@dataclass(frozen=True)
class Lake:
    """The place of the tables, and of the job's status file if the job runs on this machine.

    `option`: how commands name this lake. `labels`: whether the page Label may write to it. `registry`: URI of the
    model registry, None if the dashboard was not told.
    """

    url: str
    status_file: str | None = None
    option: str = ""
    labels: bool = False
    registry: str | None = None
    region: str = DEFAULT_REGION
    endpoint: str | None = None
    _drawn: Drawn | None = field(default=None, compare=False, repr=False)

    def for_one_drawing(self) -> Lake:
        """The same lake, of which each table is opened once, and read once where one read holds what another needs."""
        return replace(self, _drawn=Drawn())

    @property
    def settings(self) -> Settings:
        """Settings that name the tables."""
        return Settings(
            lake=self.url,
            checkpoints=f"{self.url}/_checkpoints",
            stream="",
            region=self.region,
            aws_endpoint=self.endpoint,
        )

    def why_no_labels(self) -> str:
        """Why the page Label cannot write to this lake; empty if it can, as far as can be seen without writing."""
        if not self.labels:
            return "This dashboard was started without --labels, so it only reads."
        if "://" not in self.url and not os.access(Path(self.url) / "silver", os.W_OK):
            return "This dashboard's user may not write to the lake."
        return ""

    def status(self) -> dict[str, Any]:
        """The hops of the job's status file; empty if there is no such file."""
        try:
            found: dict[str, Any] = json.loads(Path(self.status_file or "").read_text())
        except (OSError, ValueError):
            return {}
        return found

    def open(self, name: str) -> DeltaTable | None:
        """A table's newest snapshot; None while there is no table."""
        if self._drawn is None:
            return self._newest(name)
        if name not in self._drawn.tables:
            self._drawn.tables[name] = self._newest(name)
        return self._drawn.tables[name]

    def _newest(self, name: str) -> DeltaTable | None:
        try:
            return open_table(self.settings, name)
        except TableNotFoundError:
            return None

    def rows(self, name: str, time: str = "", since: datetime | None = None) -> pd.DataFrame:
        """A table's rows whose column `time` is at or after `since`; all of them without it; empty without a table."""
        table = self.open(name)
        if table is None:
            return pd.DataFrame()
        if since is None or self._drawn is None:
            return _read(table, time, since).copy()
        known = self._drawn.rows.get(name)
        if known is not None and known[0] <= since:
            return known[1][known[1][time] >= since].copy()
        self._drawn.rows[name] = since, _read(table, time, since)
        return self._drawn.rows[name][1].copy()

    def newest(self, name: str, time: str, since: datetime, most: int) -> pd.DataFrame:
        """The newest rows of a table, by its column `time`, since then: `most` of them at most."""
        return self.matching(name, since, lambda frame: pd.Series(True, frame.index), most, time)

    def matching(
        self,
        name: str,
        since: datetime,
        wanted: Any,
        most: int,
        time: str = "event_time",
        *,
        columns: Sequence[str] = (),
        condition: str = "",
    ) -> pd.DataFrame:
        """The newest rows of a silver table since then for which `wanted(frame)` is true: `most` of them at most.

        Rows are read in chunks, so that a day of texts does not fill the memory. `columns`: all that are needed, by
        default the table's; `condition`: SQL made of constants, which the rows meet already where they are read.
        """
        table = self.open(name)
        if table is None:
            return pd.DataFrame()
        names = list(columns) or [field.name for field in table.schema().fields]
        predicate = f"{time} >= '{since.isoformat()}'" + (f" AND {condition}" if condition else "")
        kept = pd.DataFrame()
        for part in chunks(table, names, predicate):
            frame = part.to_pandas()
            kept = pd.concat([kept, frame[wanted(frame)]]).nlargest(most, time)
        return kept


def same_version(table: DeltaTable) -> tuple[str, int]:
    """The cache key of a snapshot."""
    return table.table_uri, table.version()


@st.cache_data(show_spinner=False, max_entries=64, hash_funcs={DeltaTable: same_version})
def _read(table: DeltaTable, time: str, since: datetime | None) -> pd.DataFrame:
    frame: pd.DataFrame = read(table, predicate=f"{time} >= '{since.isoformat()}'" if since else None).to_pandas()
    return frame


def now() -> datetime:
    """The current time, UTC."""
    return datetime.now(UTC)


def newest_minute(lake: Lake) -> datetime | None:
    """The end of the newest minute that gold holds, at most now; None without any.

    Looks at NEWEST_WITHIN first, since a table may be years long.
    """
    for since in (now().replace(second=0, microsecond=0, minute=0) - NEWEST_WITHIN, None):
        frame = lake.rows("gold/sentiment_by_minute", "minute", since)
        if not frame.empty:
            newest: datetime = frame["minute"].max().to_pydatetime()
            return min(now(), newest.astimezone(UTC) + timedelta(minutes=1))
    return None


def summed(frame: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """The measures added up by `keys`, with the mean polarity."""
    names = [name for name in MEASURES if name in frame.columns]
    grouped = frame.groupby(list(keys), as_index=False)[names].sum()
    if "polarity_sum" in names:
        grouped["polarity"] = grouped["polarity_sum"] / grouped["events"]
    return grouped


def by_version(frame: pd.DataFrame) -> pd.DataFrame:
    """gold/sentiment_by_model by version and entity: texts, sentiments in percent, polarity; newest version first."""
    whole = summed(frame, "model_version", "entity")
    for sentiment in ("negative", "neutral", "positive"):
        whole[sentiment] *= 100 / whole["events"]
    newest = whole["model_version"].map(lambda version: -int(version) if version.isdigit() else 0)
    return whole.iloc[newest.argsort(kind="stable")].drop(columns="polarity_sum")


def quality(frame: pd.DataFrame) -> pd.DataFrame:
    """gold/labelled_by_hour by version and role: texts, macro-F1, percent of right sentiments; newest version first."""
    whole = frame.groupby(["model_version", "role"], as_index=False)[list(gold_labelled_by_hour.COUNTS)].sum()
    names = gold_labelled_by_hour.COUNTS
    counts = (dict(zip(names, row, strict=True)) for row in whole[list(names)].itertuples(index=False))
    whole["macro_f1"] = [gold_labelled_by_hour.macro_f1(each) for each in counts]
    right = [gold_labelled_by_hour.CELLS[label, label] for label in gold_labelled_by_hour.LABELS]
    whole["right"] = 100 * whole[right].sum(axis=1) / whole["texts"]
    newest = whole["model_version"].map(lambda version: -int(version) if version.isdigit() else 0)
    return whole.iloc[newest.argsort(kind="stable")][["model_version", "role", "texts", "macro_f1", "right"]]


def shadowed(frame: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """gold/shadow_by_hour summed by `keys`: texts, share of equal sentiments, distance, microseconds a text."""
    whole = frame.groupby(list(keys), as_index=False)[
        ["texts", "agreements", "polarity_difference_sum", "scoring_seconds"]
    ].sum()
    whole["agreement"] = whole["agreements"] / whole["texts"]
    whole["distance"] = whole["polarity_difference_sum"] / whole["texts"]
    whole["microseconds"] = 1e6 * whole["scoring_seconds"] / whole["texts"]
    return whole

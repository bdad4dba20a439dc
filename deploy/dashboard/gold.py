"""The lake's tables as data frames, read again only when a table has a new version."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from streaming.tables import gold_labelled_by_hour

MEASURES = ("events", "negative", "neutral", "positive", "polarity_sum")


def version(table: Path) -> int | None:
    """The table's present version; None while there is no table."""
    try:
        return int(DeltaTable(str(table)).version())
    except TableNotFoundError:
        return None


def rows(lake: Path, name: str, newest: int = 0, by: str = "") -> pd.DataFrame:
    """All rows of a table (or the `newest` by column `by`); empty while there is no table. Times are UTC."""
    table = lake / name
    found = version(table)
    return pd.DataFrame() if found is None else _read(str(table), found, newest, by).copy()


@st.cache_data(show_spinner=False, max_entries=64)
def _read(table: str, version: int, newest: int, by: str) -> pd.DataFrame:
    delta = DeltaTable(table, version=version)
    if newest:
        return _newest(delta, newest, by)
    return delta.to_pandas()


def _newest(delta: DeltaTable, count: int, by: str) -> pd.DataFrame:
    """The newest rows of the ten files that were added last, since the table may be large."""
    actions = delta.get_add_actions(flatten=True)
    added = sorted(
        zip(actions.column("modification_time").to_pylist(), map(unquote, delta.file_uris()), strict=False),
        key=lambda pair: pair[0],
    )
    files = [path for _, path in added[-10:]]
    if not files:
        return pd.DataFrame()
    schema = pa.schema(delta.schema().to_arrow())
    frame: pd.DataFrame = pa.concat_tables(
        [_as_declared(pq.read_table(path, partitioning=None), schema) for path in files]
    ).to_pandas()
    return frame.sort_values(by, ascending=False).head(count)


def _as_declared(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """A file's rows in the types of its table: Spark, the job and delta-rs write different Arrow types."""
    return rows.cast(pa.schema([schema.field(name) for name in rows.column_names]))


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

"""Pipeline: the hops, their lag, what was rejected, the size of each table, and what an operator should do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import streamlit as st
from deltalake import DeltaTable

from deploy.dashboard import charts, health
from deploy.dashboard.lake import Lake, same_version
from deploy.dashboard.view import View, evidence
from streaming.tables.lake import NAMES

EXAMPLES = 5
MANY_FILES = 2000  # a table of more files is slow to open
COMPACTED = "OPTIMIZE"
HISTORY = 50  # commits that are searched for the last compaction


def draw(view: View) -> None:
    """The page."""
    light = health.light(view)
    advice = light.alerts or ([] if light.word == "Well" else [light.reason])
    (st.success if light.word == "Well" else st.warning)(f"{light.word}: {' '.join(advice) or light.reason}")
    _hops(view)
    left, right = st.columns(2, gap="large")
    with left:
        _lag(view)
    with right:
        _rejected(view)
    _cost(view)
    _tables(view)


def _hops(view: View) -> None:
    hops = view.lake.status().get("hops", {})
    if not hops:
        st.caption(
            "The job's status file is not here: on AWS, `moodstream status --lake` and CloudWatch have the hops."
        )
        return
    shown = ("state", "batch", "rows", "rows_per_second", "last_batch_at", "restarts", "error")
    st.header("Hops")
    rows = [{"hop": name, **{key: hop[key] for key in shown if key in hop}} for name, hop in hops.items()]
    st.dataframe(pd.DataFrame(rows).astype(str).replace({"None": "", "nan": ""}), hide_index=True, width="stretch")


def _lag(view: View) -> None:
    st.header("Lag from stream to gold")
    lags = view.lake.rows("gold/freshness", "committed_at", view.since.replace(second=0, microsecond=0))
    if lags.empty:
        st.caption("No batch of gold in this span.")
        return
    query = "select committed_at, events, lag_p50_s, lag_p95_s from gold_freshness order by committed_at"
    shown = view.local(lags.sort_values("committed_at"))
    evidence(st, charts.freshness(shown, health.LAG_GOAL_S), shown, query, "lag")


def _rejected(view: View) -> None:
    st.header("Rejected, by reason")
    quality = view.minutes("gold/quality_by_minute")
    bad = quality[quality["entity"] == "rejected"] if not quality.empty else quality
    if bad.empty:
        st.caption("None in this span.")
        return
    query = "select minute, reason, events from gold_quality_by_minute where entity = 'rejected' order by minute"
    evidence(st, charts.rejected(view.local(bad)), bad, query, "rejected")
    with st.expander("Examples"):
        examples = view.lake.newest("silver/rejected", "arrival_time", view.since, EXAMPLES)
        if not examples.empty:
            raw = examples["raw"].map(
                lambda value: bytes(value).decode(errors="replace") if isinstance(value, bytes) else value
            )
            st.dataframe(examples[["reason", "arrival_time"]].assign(raw=raw.astype(str).str[:300]), hide_index=True)
    st.caption("`moodstream rejected list` shows more; `rejected replay` sends them again after a fix.")


def _cost(view: View) -> None:
    st.header("What the job costs")
    used = view.lake.rows("gold/cost_by_minute", "minute", view.since)
    used = used[used["events"] > 0] if not used.empty else used
    if used.empty:
        st.caption("Not measured in this span: the job does so once a minute, while there are events.")
        return
    total = used[["events", "seconds", "cpu_s", "core_s", "usd"]].sum(min_count=1)
    millions = total["events"] / 1e6
    # Of a minute without a price, the price of the others would be the price of all.
    priced = not used["usd"].isna().any()
    price = f", {total['usd'] / millions:.3f} USD for the cores that it holds" if priced else ""
    st.caption(
        f"A million events take {total['cpu_s'] / millions:,.0f} CPU seconds{price}: "
        f"{total['events'] / total['seconds']:,.0f} events a second on {total['core_s'] / total['seconds']:.0f} cores. "
        "The price is that of the same cores on AWS."
    )
    query = "select minute, events, cpu_s, task_s, core_s, usd from gold_cost_by_minute order by minute"
    shown = view.local(used.sort_values("minute")).assign(per_million=lambda each: each["cpu_s"] / each["events"] * 1e6)
    evidence(st, charts.cost(shown[["minute", "per_million"]]), shown, query, "cost")


def _tables(view: View) -> None:
    st.header("Tables")
    rows = [row for name in NAMES if (row := _table(view.lake, name))]
    if not rows:
        st.caption("No table yet.")
        return
    frame = pd.DataFrame(rows)
    st.dataframe(frame, hide_index=True, width="stretch")
    if many := frame[frame["files"] > MANY_FILES]["table"].tolist():
        st.warning(f"Many small files in {', '.join(many)}: run `moodstream maintain`.")


def _table(lake: Lake, name: str) -> dict[str, Any] | None:
    table = lake.open(name)
    if table is None:
        return None
    return {"table": name, **_size(table)}


@st.cache_data(show_spinner=False, max_entries=128, ttl=60, hash_funcs={DeltaTable: same_version})
def _size(table: DeltaTable) -> dict[str, Any]:
    files = pa.table(table.get_add_actions(flatten=True)).select(["size_bytes", "num_records"]).to_pandas()
    compacted = [entry["timestamp"] for entry in table.history(HISTORY) if entry.get("operation") == COMPACTED]
    return {
        "rows": int(files["num_records"].sum()),
        "files": len(files),
        "MB": round(float(files["size_bytes"].sum()) / 1e6, 1),
        "version": table.version(),
        "last compacted": f"{datetime.fromtimestamp(compacted[0] / 1000, UTC):%Y-%m-%d %H:%M} UTC" if compacted else "",
    }

"""The page Why: the reader picks a span, and sees the topics, terms and cohorts that changed the sentiment most."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from deploy.dashboard import change, charts, lake, texts
from deploy.dashboard.change import Change
from deploy.dashboard.view import HOUR, View, before, evidence

SHOWN = 10
TEXTS = 8
FEW_TEXTS = 50


def draw(view: View) -> None:
    """The page."""
    st.header("What changed, and what carried it")
    minutes = view.minutes("gold/sentiment_by_minute", spans=2)
    if minutes.empty:
        st.caption("No text in this span.")
        return
    begin, end = _chosen(view)
    length = end - begin
    topics = view.lake.rows("gold/sentiment_by_topic", "minute", (begin - length).replace(second=0, microsecond=0))
    early, late = _sides(view.lake.rows("gold/sentiment_by_minute", "minute", (begin - length)), "minute", begin, end)
    compared = Change(change.net(late), change.net(early))
    topics_early, topics_late = _sides(topics, "minute", begin, end)
    by_topic = change.drivers(topics_late, topics_early, ["topic"])
    by_cohort, by_term = _hourly(view, begin, end)
    st.info(change.sentence(compared, {"topic": by_topic, "cohort": by_cohort, "word": by_term}, "the span before"))
    if compared.before.texts < FEW_TEXTS:
        st.caption(f"Fewer than {FEW_TEXTS} texts before: the parts below are mostly chance.")
    if length < HOUR:
        st.caption("Words and cohorts are kept by the hour: they compare this hour with the one before.")
    columns = st.columns(3, gap="large")
    for column, (name, frame) in zip(
        columns, {"Topics": by_topic, "Words": by_term, "Cohorts": by_cohort}.items(), strict=True
    ):
        _drivers(column, name, frame)
    _behind(view, begin, end, compared, by_topic, by_term)


def _chosen(view: View) -> tuple[datetime, datetime]:
    """The span that the reader picked on the time line; before that, its last third."""
    zone, minute = ZoneInfo(view.zone), timedelta(minutes=1)
    first, last = (time.astimezone(zone).replace(tzinfo=None) for time in (view.since, view.until))
    first, last = first.replace(second=0, microsecond=0), (last + minute).replace(second=0, microsecond=0)
    third = (last - first) / 3
    picked: Any = st.slider("Span", first, last, (last - third, last), minute, format="D MMM HH:mm")
    begin, end = (time.replace(tzinfo=zone).astimezone(UTC) for time in picked)
    return begin, max(end, begin + timedelta(minutes=1))


def _sides(frame: pd.DataFrame, time: str, begin: datetime, end: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(rows of the equally long span before it, rows of the span)."""
    if frame.empty:
        return frame, frame
    inside = frame[(frame[time] >= begin - (end - begin)) & (frame[time] < end)]
    return before(inside, time, begin)


def _hourly(view: View, begin: datetime, end: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(drivers by cohort, drivers by term) of the span's hours, compared with as many hours before."""
    first = begin.replace(minute=0, second=0, microsecond=0)
    length = max(end - first, HOUR)
    since = (first - length).replace(minute=0, second=0, microsecond=0)
    found = []
    for name, keys in (("gold/sentiment_by_cohort", ["location", "age_band"]), ("gold/terms_by_hour", ["term"])):
        early, late = _sides(view.lake.rows(name, "hour", since), "hour", first, first + length)
        found.append(change.drivers(late, early, keys))
    return found[0], found[1]


def _drivers(column: Any, name: str, frame: pd.DataFrame) -> None:
    column.markdown(f"**{name}**")
    if frame.empty:
        column.caption("None.")
        return
    keys = change.key_columns(frame)
    shown = frame.head(SHOWN)
    shown = shown.assign(name=change.names(shown))
    table = {"Topics": "gold_sentiment_by_topic", "Words": "gold_terms_by_hour", "Cohorts": "gold_sentiment_by_cohort"}[
        name
    ]
    query = (
        f"select {', '.join(keys)}, sum(events) events, sum(positive) - sum(negative) net\n"
        f"from {table} group by {', '.join(keys)} order by events desc"
    )
    evidence(column, charts.drivers(shown), shown, query, f"drivers-{name.lower()}")


def _behind(
    view: View, begin: datetime, end: datetime, compared: Change, topics: pd.DataFrame, terms: pd.DataFrame
) -> None:
    """The texts of the span that explain the change best: of the sentiment that grew, with the terms that drove it."""
    grew = "positive" if compared.difference >= 0 else "negative"
    title = f"The {grew} texts behind it" if compared.known else f"The most {grew} texts"
    same = [frame[frame["carried"] * compared.difference > 0].head(SHOWN) for frame in (topics, terms)]
    words = [*same[0]["topic"], *same[1]["term"]] if compared.known else []
    st.header(title)

    def wanted(frame: pd.DataFrame) -> Any:
        return texts.holds_any(frame["text"], words) if words else pd.Series(True, frame.index)

    # Not all columns, and no text of another sentiment: to read texts and to search them for words costs most.
    condition = f"event_time < '{end.isoformat()}' AND sentiment = '{grew}'"
    posts = view.lake.matching(
        "silver/posts", begin, wanted, 40 * TEXTS, columns=("post_id", *texts.SHOWN), condition=condition
    )
    if posts.empty:
        st.caption("None.")
        return
    carrying = posts.assign(weight=texts.matches(posts["text"], words) + posts["polarity"].abs())
    for _, post in carrying.nlargest(TEXTS, "weight").iterrows():
        texts.show(view, post, words)
    _replies(view, begin, carrying.nlargest(TEXTS, "weight"))


def _replies(view: View, begin: datetime, posts: pd.DataFrame) -> None:
    """Show the net sentiment of the comments on these posts."""
    ids = set(posts["post_id"])
    answers = view.lake.matching(
        "silver/comments",
        begin,
        lambda frame: frame["post_id"].isin(ids),
        500,
        columns=("event_time", "post_id", "sentiment"),
    )
    if answers.empty:
        st.caption("Nobody has replied to them yet.")
        return
    counted = answers.assign(
        events=1, **{name: (answers["sentiment"] == name).astype(int) for name in charts.SENTIMENTS}
    )
    found = change.net(counted)
    st.caption(
        f"{found.texts} replies to them: net sentiment {change.points(found.value)} ±{100 * found.margin:.0f}; "
        f"{lake.summed(counted, 'post_id')['events'].max():.0f} to the one with the most."
    )

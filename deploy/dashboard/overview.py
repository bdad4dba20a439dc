"""The page Overview: the current sentiment, why it changed, the number of texts, and the pipeline's state."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO

import pandas as pd
import streamlit as st

from deploy.dashboard import change, charts, clouds, health, incidents, lake
from deploy.dashboard.change import Change
from deploy.dashboard.view import HOUR, View, before, evidence

DAY = timedelta(days=1)
RECENT = timedelta(minutes=15)
BUCKETS = 90  # about so many bars over the span
TOPICS = 12
CLOUD_MINUTES = 5  # how long a word cloud is shown before it is drawn anew
PLACES = 20
FEW_TEXTS = 50


def draw(view: View) -> None:
    """The page."""
    _numbers(view)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _over_time(view)
    with right:
        _topics(view)
    _words(view)
    _cohorts(view)


def _numbers(view: View) -> None:
    minutes = view.lake.rows(
        "gold/sentiment_by_minute", "minute", (view.until - DAY - HOUR).replace(second=0, microsecond=0)
    )
    span = min(view.span, HOUR, RECENT if view.span <= RECENT else HOUR)
    now = _between(minutes, view, timedelta(0), span)
    earlier = {
        "the span before": _between(minutes, view, span, 2 * span),
        "a day before": _between(minutes, view, DAY, DAY + span),
    }
    newest = change.net(now)
    columns = st.columns(5)
    columns[0].metric(
        "Net sentiment",
        change.points(newest.value),
        f"±{100 * newest.margin:.0f} (95 %)",
        "off",
        delta_arrow="off",
        border=True,
        help="Share of positive texts minus share of negative ones, in points of a hundred.",
    )
    for column, (name, frame) in zip(columns[1:3], earlier.items(), strict=True):
        compared = Change(newest, change.net(frame))
        shown = f"{100 * compared.difference:+.0f} ±{100 * compared.margin:.0f}" if compared.before.texts else None
        column.metric(f"Against {name}", shown or "–", _verdict(compared), "off", delta_arrow="off", border=True)
    columns[3].metric(
        "Texts",
        f"{newest.texts:,}",
        _volume(newest.texts, earlier["the span before"]),
        "off",
        delta_arrow="off",
        border=True,
    )
    light = health.light(view)
    columns[4].metric("Pipeline", light.word, light.reason, "off", delta_arrow="off", border=True)
    st.info(
        change.sentence(Change(newest, change.net(earlier["the span before"])), _drivers(view, span), "the span before")
    )
    incidents.show_open(view)
    _unscored(view)
    for trouble in light.alerts:
        st.error(trouble, icon=":material/notifications_active:")


def _unscored(view: View) -> None:
    """Show how many texts of the span have no sentiment because the model does not serve their language."""
    texts = view.hours("gold/language_by_hour")
    if not texts.empty and (count := int(texts["unscored"].sum())):
        st.caption(f"{count:,} texts are in languages that the model does not serve: no number here includes them.")


def _between(frame: pd.DataFrame, view: View, newest: timedelta, oldest: timedelta) -> pd.DataFrame:
    """The rows whose minute lies between two ages, counted from the end of the span."""
    return frame[(frame["minute"] >= view.until - oldest) & (frame["minute"] < view.until - newest)]


def _verdict(compared: Change) -> str:
    if not compared.before.texts:
        return "no texts then"
    return "more than chance" if compared.known else "may be chance"


def _volume(texts: int, earlier: pd.DataFrame) -> str:
    count = int(earlier["events"].sum())
    return f"{texts / count - 1:+.0%}" if count >= FEW_TEXTS else "hardly any before"


def _drivers(view: View, span: timedelta) -> dict[str, pd.DataFrame]:
    topics = view.lake.rows(
        "gold/sentiment_by_topic", "minute", (view.until - 2 * span).replace(second=0, microsecond=0)
    )
    early, late = before(topics, "minute", view.until - span)
    found = {"topic": change.drivers(late, early, ["topic"])} if not topics.empty else {}
    cohorts = view.lake.rows("gold/sentiment_by_cohort", "hour", view.hours_since - HOUR)
    early, late = before(cohorts, "hour", view.hours_since)
    if not early.empty:
        found["cohort"] = change.drivers(late, early, ["location", "age_band"])
    return found


def _over_time(view: View) -> None:
    st.header("Sentiment")
    texts = view.minutes("gold/sentiment_by_minute")
    if texts.empty:
        st.caption("No text in this span.")
        return
    width = max(1, round(view.span / timedelta(minutes=BUCKETS)))
    texts["bucket"] = texts["minute"].dt.floor(f"{width}min")
    by_bucket = lake.summed(texts, "bucket")
    by_bucket["net"] = change.shrunken(by_bucket)
    by_bucket["margin"] = change.margins(by_bucket)
    query = (
        "select minute, sum(events) events, sum(negative) negative, sum(neutral) neutral, sum(positive) positive\n"
        f"from gold_sentiment_by_minute where minute >= timestamp '{view.since:%F %T}'\ngroup by minute order by minute"
    )
    shown = view.local(by_bucket)
    evidence(st, charts.sentiment_over_time(shown, width), shown, query, "sentiment")
    charts.net_over_time(shown, width).draw(st)


def _topics(view: View) -> None:
    st.header("Topics")
    topics = view.minutes("gold/sentiment_by_topic")
    if topics.empty:
        st.caption("No hashtag in this span.")
        return
    ranked = lake.summed(topics, "topic").nlargest(TOPICS, "events")
    ranked["net"] = change.shrunken(ranked)
    query = (
        "select topic, sum(events) events, sum(positive) - sum(negative) net\n"
        "from gold_sentiment_by_topic group by topic order by events desc"
    )
    evidence(st, charts.ranked(ranked, "topic"), ranked, query, "topics")


def _words(view: View) -> None:
    terms = view.hours("gold/terms_by_hour")
    if terms.empty:
        return
    st.header("Words typical for each sentiment")
    whole = lake.summed(terms, "term")
    for column, sentiment in zip(st.columns(3), charts.SENTIMENTS, strict=True):
        found = change.telling(whole, sentiment)
        if found.empty:
            column.caption(f"No word is typical for {sentiment} texts yet.")
        else:
            drawn_at = view.until.replace(
                minute=view.until.minute // CLOUD_MINUTES * CLOUD_MINUTES, second=0, microsecond=0
            )
            column.image(
                _cloud(found, sentiment, view.lake.url, view.span, drawn_at), width="stretch", caption=sentiment
            )


@st.cache_data(show_spinner=False, max_entries=24)
def _cloud(_terms: pd.DataFrame, sentiment: str, lake: str, span: timedelta, drawn_at: datetime) -> bytes:  # noqa: ARG001
    """A PNG. Drawing it takes a tenth of a second, so it stays for some minutes: the unused arguments are its key."""
    content = BytesIO()
    clouds.cloud(_terms, sentiment, 310, 170, scale=2).to_image().save(content, format="PNG")
    return content.getvalue()


def _cohorts(view: View) -> None:
    cohorts = view.hours("gold/sentiment_by_cohort")
    if cohorts.empty:
        return
    st.header("Cohorts")
    cells = lake.summed(cohorts, "location", "age_band")
    largest = lake.summed(cohorts, "location").nlargest(PLACES, "events")["location"]
    cells["net"] = change.shrunken(cells)
    shown = cells[cells["location"].isin(largest)]
    query = (
        "select location, age_band, sum(events) events, sum(positive) - sum(negative) net\n"
        "from gold_sentiment_by_cohort group by location, age_band"
    )
    evidence(st, charts.cohorts(shown), shown, query, "cohorts")
    st.caption("A cell of few texts is pale and drawn towards the whole: it says little.")

"""The live page: `streamlit run deploy/dashboard/app.py -- WORKDIR`. It reads the lake only, and needs no network."""

from __future__ import annotations

import html
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from deploy.dashboard import charts, gold

EVERY = "3s"
WINDOWS = {"15 minutes": 15, "1 hour": 60, "6 hours": 360, "1 day": 1440, "everything": 0}
CARD = "padding:.55rem .8rem;margin-bottom:.4rem;border:1px solid #8883;border-radius:.5rem"
COLORS = dict(zip(charts.SENTIMENTS, charts.SENTIMENT_COLORS, strict=True))
MIN_MINUTE_TEXTS = 5  # the shares of a minute with fewer texts are chance
MIN_PROFILE_TEXTS = 200  # a profile of fewer texts says nothing
DAY_MINUTES = 1440  # tables by hour are shown for at least a day
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


def main(workdir: Path) -> None:
    """Draw the page; its fragments redraw themselves every few seconds."""
    st.set_page_config(page_title="Moodstream", page_icon="🌊", layout="wide")
    st.markdown("<style>.block-container{padding-top:2.2rem}</style>", unsafe_allow_html=True)
    head, choice = st.columns([3, 1])
    head.title("Moodstream")
    window = choice.selectbox("Window", list(WINDOWS), index=1)
    lake = workdir / "lake"
    _now(lake, WINDOWS[window])
    sentiment, people, models, quality, posts = st.tabs(["Sentiment", "People", "Models", "Quality", "Posts"])
    with sentiment:
        _sentiment(lake, WINDOWS[window])
    with people:
        _people(lake, WINDOWS[window])
    with models:
        _models(lake, WINDOWS[window])
    with quality:
        _quality(lake, WINDOWS[window])
    with posts:
        _posts(lake)


@st.fragment(run_every=EVERY)
def _now(lake: Path, minutes: int) -> None:
    """The numbers on top: polarity, volume, rejected events, lag."""
    texts = _recent(gold.rows(lake, "gold/sentiment_by_minute"), "minute", minutes)
    if texts.empty:
        st.info("Nothing scored yet. The first results appear about half a minute after the start.")
        return
    total = texts["events"].sum()
    quality = _recent(gold.rows(lake, "gold/quality_by_minute"), "minute", minutes)
    lags = gold.rows(lake, "gold/freshness")
    columns = st.columns(5)
    columns[0].metric("Polarity", f"{texts['polarity_sum'].sum() / total:+.3f}", border=True)
    columns[1].metric("Positive", f"{texts['positive'].sum() / total:.0%}", border=True)
    columns[2].metric("Scored texts", f"{total:,}", border=True)
    columns[3].metric("Rejected", f"{_rejected(quality)['events'].sum():,}", border=True)
    last = lags.sort_values("committed_at").iloc[-1] if not lags.empty else None
    columns[4].metric("Gold lag (p95)", "–" if last is None else f"{last['lag_p95_s']:.1f} s", border=True)


@st.fragment(run_every=EVERY)
def _sentiment(lake: Path, minutes: int) -> None:
    texts = _recent(gold.rows(lake, "gold/sentiment_by_minute"), "minute", minutes)
    if texts.empty:
        return
    by_minute = gold.summed(texts, "minute")
    by_minute = by_minute[by_minute["events"] >= MIN_MINUTE_TEXTS]
    left, right = st.columns(2)
    left.subheader("Sentiment")
    left.altair_chart(charts.sentiment_over_time(by_minute), width="stretch")
    left.subheader("Polarity and volume")
    left.altair_chart(charts.polarity_over_time(by_minute), width="stretch")
    topics = _recent(gold.rows(lake, "gold/sentiment_by_topic"), "minute", minutes)
    right.subheader("Topics")
    if not topics.empty:
        right.altair_chart(charts.ranked(gold.summed(topics, "topic").nlargest(12, "events"), "topic"), width="stretch")
    terms = _recent(gold.rows(lake, "gold/terms_by_hour"), "hour", max(minutes, 60) if minutes else 0)
    if not terms.empty:
        right.subheader("Terms")
        right.image(_cloud(gold.summed(terms, "term").nlargest(80, "events")), width="stretch")


@st.fragment(run_every=EVERY)
def _people(lake: Path, minutes: int) -> None:
    cohorts = _recent(gold.rows(lake, "gold/sentiment_by_cohort"), "hour", max(minutes, 60) if minutes else 0)
    engagement = _recent(gold.rows(lake, "gold/engagement_by_minute"), "minute", minutes)
    left, right = st.columns([2, 1])
    left.subheader("Cohorts")
    if not cohorts.empty:
        top = gold.summed(cohorts, "location").nlargest(20, "events")["location"]
        cells = gold.summed(cohorts[cohorts["location"].isin(top)], "location", "age_band")
        left.altair_chart(charts.cohorts(cells), width="stretch")
    right.subheader("Engagement")
    if not engagement.empty:
        for action, count in engagement.groupby("action")["interactions"].sum().nlargest(10).items():
            right.metric(f"{action}s", f"{count:,}", border=True)


@st.fragment(run_every=EVERY)
def _models(lake: Path, minutes: int) -> None:
    """Drift, shadow scoring, quality by labels, and the versions that served."""
    hours = max(minutes, DAY_MINUTES) if minutes else 0
    left, right = st.columns(2, gap="large")
    with left:
        _drift(_recent(gold.rows(lake, "gold/drift_by_hour"), "hour", hours))
    with right:
        _shadow(_recent(gold.rows(lake, "gold/shadow_by_hour"), "hour", hours))
    _labelled(_recent(gold.rows(lake, "gold/labelled_by_hour"), "hour", hours))
    versions = _recent(gold.rows(lake, "gold/sentiment_by_model"), "hour", hours)
    if not versions.empty:
        st.subheader("Versions in service")
        st.dataframe(gold.by_version(versions), hide_index=True, width="stretch", column_config=VERSIONS)


def _drift(hours: pd.DataFrame) -> None:
    st.subheader("Drift")
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
        st.altair_chart(charts.drift_over_time(full), width="stretch")
        words = full.rename(columns={"model_version": "of"})
        st.altair_chart(charts.by_hour(words, "novelty", "unknown words", "+.1%", "#264653"), width="stretch")
    elif compared:
        st.altair_chart(charts.drift_now(newest), width="stretch")
    st.altair_chart(charts.polarities(newest["polarity"]), width="stretch")


def _shadow(hours: pd.DataFrame) -> None:
    st.subheader("Shadow scoring")
    if hours.empty:
        st.caption("No challenger yet: `moodstream model train` registers one, which is then scored in the shadow.")
        return
    # Only the newest challenger.
    hours = hours[hours["challenger_version"] == hours.sort_values("hour").iloc[-1]["challenger_version"]]
    whole = gold.shadowed(hours.assign(all=""), "all").iloc[0]
    columns = st.columns(3)
    columns[0].metric("Same sentiment", f"{whole['agreement']:.1%}", border=True)
    columns[1].metric("Time a text", f"{whole['microseconds']:.0f} µs", border=True)
    columns[2].metric("Texts scored", f"{whole['texts']:,}", border=True)
    of = " and ".join(sorted(hours["champion_version"].unique()))
    st.caption(f"Version {hours.iloc[-1]['challenger_version']} beside version {of}.")
    each = gold.shadowed(hours, "hour", "champion_version").rename(columns={"champion_version": "of"})
    each = each[each["texts"] >= MIN_PROFILE_TEXTS]
    if each["hour"].nunique() > 1:
        st.altair_chart(charts.by_hour(each, "agreement", "same sentiment", ".1%"), width="stretch")
        st.altair_chart(charts.by_hour(each, "microseconds", "µs a text", ".0f", "#e9a23b"), width="stretch")
    st.altair_chart(charts.sentiments_of_both(hours), width="stretch")


def _labelled(hours: pd.DataFrame) -> None:
    """Quality of the versions on labelled texts; draws nothing while there are no labels."""
    if hours.empty:
        return
    st.subheader("Judged by people")
    st.dataframe(gold.quality(hours), hide_index=True, width="stretch", column_config=QUALITY)
    st.caption(
        "For a challenger only labels newer than itself count; for a champion, all labels of texts that it scored."
    )


@st.fragment(run_every=EVERY)
def _quality(lake: Path, minutes: int) -> None:
    bad = _rejected(_recent(gold.rows(lake, "gold/quality_by_minute"), "minute", minutes))
    lags = _recent(gold.rows(lake, "gold/freshness"), "committed_at", minutes)
    left, right = st.columns(2)
    left.subheader("Rejected, by reason")
    if bad.empty:
        left.caption("None.")
    else:
        left.altair_chart(charts.rejected(bad), width="stretch")
    right.subheader("Lag from stream to gold")
    if not lags.empty:
        right.altair_chart(charts.freshness(lags), width="stretch")


@st.fragment(run_every=EVERY)
def _posts(lake: Path) -> None:
    """The latest posts as they were scored."""
    for _, post in gold.rows(lake, "silver/posts", newest=12, by="event_time").iterrows():
        _post(post)


def _post(post: Any) -> None:
    dot = f"<span style='color:{COLORS.get(post['sentiment'], 'inherit')}'>●</span>"
    # Users wrote this text: escaped, so that it cannot become markup of the page.
    text = html.escape(str(post["text"])[:400])
    caption = f"{post['sentiment']} · polarity {post['polarity']:+.2f} · confidence {post['confidence']:.0%}"
    st.markdown(
        f"<div style='{CARD}'>{dot} {text}<div style='opacity:.6;font-size:.8rem'>{caption} · model"
        f" {html.escape(str(post['model_version']))}</div></div>",
        unsafe_allow_html=True,
    )


def _rejected(quality: pd.DataFrame) -> pd.DataFrame:
    if quality.empty:
        return pd.DataFrame({"events": []})
    return quality[quality["entity"] == "rejected"]


def _recent(frame: pd.DataFrame, time: str, minutes: int) -> pd.DataFrame:
    if frame.empty or not minutes:
        return frame
    return frame[frame[time] >= datetime.now(UTC) - timedelta(minutes=minutes)]


@st.cache_data(show_spinner=False, max_entries=8)
def _cloud(terms: pd.DataFrame) -> Any:
    """An image of terms: size by frequency, red to green by the polarity of their texts."""
    from matplotlib import colormaps
    from wordcloud import WordCloud

    polarity = dict(zip(terms["term"], terms["polarity"], strict=True))
    colors = colormaps["RdYlGn"]

    def color(word: str, **_: Any) -> str:
        red, green, blue, _alpha = colors(min(max(0.5 + polarity[word], 0.05), 0.95), bytes=True)
        return f"rgb({red}, {green}, {blue})"

    cloud = WordCloud(width=900, height=360, background_color=None, mode="RGBA", color_func=color, random_state=1)
    return cloud.generate_from_frequencies(dict(zip(terms["term"], terms["events"], strict=True))).to_array()


main(Path(sys.argv[1] if len(sys.argv) > 1 else "moodstream-demo"))

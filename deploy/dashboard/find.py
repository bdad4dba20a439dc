"""Find: the newest texts by words, topic, author, place, sentiment and kind, as they were scored."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from deploy.dashboard import charts, texts
from deploy.dashboard.view import View

KINDS = {"posts": "silver/posts", "comments": "silver/comments"}
MOST = 200
SHOWN = 30
ANY = "any"


def draw(view: View) -> None:
    """The page."""
    st.header("Find texts")
    first, second = st.columns(4), st.columns(3)
    word = first[0].text_input("Words", placeholder="battery life")
    topic = first[1].text_input("Topic", placeholder="#news").lstrip("#")
    author = first[2].text_input("Author", placeholder="user id")
    place = first[3].text_input("Place", placeholder="London")
    kind = second[0].selectbox("Kind", list(KINDS))
    sentiment = second[1].selectbox("Sentiment", [ANY, *charts.SENTIMENTS])
    order = second[2].selectbox("First", ["newest", "most positive", "most negative"])
    people = _living_in(view, place) if place else None

    def wanted(frame: pd.DataFrame) -> Any:
        found = pd.Series(True, frame.index)
        if word:
            found &= frame["text"].str.contains(word, case=False, regex=False, na=False)
        if topic:
            found &= texts.holds_any(frame["text"], [f"#{topic}"]) | texts.holds_any(frame["text"], [topic])
        if author:
            found &= frame["user_id"] == author
        if people is not None:
            found &= frame["user_id"].isin(people)
        if sentiment != ANY:
            found &= frame["sentiment"] == sentiment
        return found

    found = view.lake.matching(KINDS[kind], view.since, wanted, MOST)
    if found.empty:
        st.caption("No text of this span is like that. A longer span is in the sidebar.")
        return
    ordered = found if order == "newest" else found.sort_values("polarity", ascending=order == "most negative")
    count = f"the newest {MOST}" if len(found) == MOST else str(len(found))
    st.caption(f"Found {count}; shown: {min(SHOWN, len(found))}.")
    st.download_button("All of them as CSV", ordered.to_csv(index=False), f"{kind}.csv", "text/csv")
    for _, row in ordered.head(SHOWN).iterrows():
        texts.show(view, row, [part for part in (word, topic) if part])


def _living_in(view: View, place: str) -> set[str]:
    """The ids of the people whose profile names the place."""
    users = view.lake.rows("silver/users")
    if users.empty:
        return set()
    return set(users.loc[users["user_location"].str.contains(place, case=False, regex=False, na=False), "user_id"])

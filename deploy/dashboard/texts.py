"""Finds, marks and shows texts of users; their text is escaped and never becomes markup."""

from __future__ import annotations

import html
import re
from typing import Any

import pandas as pd
import streamlit as st

from deploy.dashboard import clouds
from deploy.dashboard.view import View

CARD = "padding:.55rem .8rem;margin-bottom:.4rem;border:1px solid #8883;border-radius:.5rem"
MARK = "background:#e9c46a66;color:inherit;border-radius:.2rem"
MAX_CHARACTERS = 600
# The columns that `show` needs.
SHOWN = ("event_time", "user_id", "text", "sentiment", "polarity", "confidence", "model_version")


def holds_any(column: pd.Series[str], words: list[str]) -> pd.Series[bool]:
    """True for each text that has at least one of the words."""
    return column.str.contains(_pattern(words), regex=True, na=False)


def matches(column: pd.Series[str], words: list[str]) -> pd.Series[int]:
    """The number of occurrences of the words in each text."""
    return column.str.count(_pattern(words)).fillna(0) if words else column.map(lambda _: 0)


def _pattern(words: list[str]) -> str:
    return rf"(?i)(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)"


def marked(text: str, words: list[str]) -> str:
    """The text as safe HTML, with the words marked."""
    if not words:
        return html.escape(text)
    parts = re.split(f"({_pattern(words).replace('(?i)', '')})", text, flags=re.IGNORECASE)
    return "".join(
        f"<mark style='{MARK}'>{html.escape(part)}</mark>" if place % 2 else html.escape(part)
        for place, part in enumerate(parts)
    )


def card(text: str) -> None:
    """One whole text, large, without anything about it."""
    style = f"{CARD};font-size:1.25rem;padding:1.2rem;white-space:pre-wrap"
    st.markdown(f"<div style='{style}'>{html.escape(text)}</div>", unsafe_allow_html=True)


def show(view: View, row: Any, words: list[str]) -> None:
    """One post or comment, with its time, author, score and model version."""
    judged = isinstance(row["sentiment"], str)
    color = clouds.WORD_COLORS.get(row["sentiment"], "inherit") if judged else "inherit"
    score = (
        f"{row['sentiment']} · polarity {row['polarity']:+.2f} · confidence {row['confidence']:.0%}"
        if judged
        else "not judged"
    )
    time = view.local(pd.DataFrame([{"event_time": row["event_time"]}]))["event_time"].iloc[0]
    facts = (f"{time:%d %b %H:%M:%S}", str(row["user_id"]), score, f"model {row['model_version']}")
    st.markdown(
        f"<div style='{CARD}'><span style='color:{color}' aria-hidden='true'>●</span> "
        f"{marked(str(row['text'])[:MAX_CHARACTERS], words)}"
        f"<div style='opacity:.7;font-size:.8rem'>{html.escape(' · '.join(facts))}</div></div>",
        unsafe_allow_html=True,
    )

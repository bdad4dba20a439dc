"""Draws word clouds, in which the size of a term shows how typical it is for a sentiment."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from deploy.dashboard import charts


@st.cache_data(show_spinner=False, max_entries=24)
def cloud(terms: pd.DataFrame, sentiment: str) -> Any:
    """An image, of height by width by RGBA, of terms with a `weight`, in the sentiment's colour; clear behind it."""
    from wordcloud import WordCloud

    color = charts.WORD_COLORS[sentiment]
    drawn = WordCloud(
        width=620, height=340, background_color=None, mode="RGBA", color_func=lambda *_, **__: color, random_state=1
    )
    return drawn.generate_from_frequencies(dict(zip(terms["term"], terms["weight"], strict=True))).to_array()

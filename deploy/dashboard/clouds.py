"""Draws word clouds, in which the size of a term shows how typical it is for a sentiment."""

from __future__ import annotations

from typing import Any

import pandas as pd

WORD_COLORS = {"negative": "#d1495b", "neutral": "#7a869a", "positive": "#2a9d8f"}


def cloud(terms: pd.DataFrame, sentiment: str, width: int, height: int, scale: int = 1) -> Any:
    """A WordCloud, in pixels, of terms with a `weight`, in the sentiment's colour; clear behind it.

    `scale`: places the words on an area of this size, which is cheap, and draws them so many times as large.
    """
    from wordcloud import WordCloud

    color = WORD_COLORS[sentiment]
    empty = WordCloud(
        width=width,
        height=height,
        scale=scale,
        background_color=None,
        mode="RGBA",
        color_func=lambda *_, **__: color,
        random_state=1,
    )
    return empty.generate_from_frequencies(dict(zip(terms["term"], terms["weight"], strict=True)))

"""The page Next word: the reader types the beginning of a text, and sees the words that most probably follow.

The model of words belongs to the champion's training run, so it comes from the registry, not from the lake.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from deploy.dashboard.view import View
from model.errors import ModelError
from model.next_word import FILE, LanguageModel
from model.registry import CHAMPION, Registry
from model.settings import Settings

SHOWN = 8
BUTTONS = 4
BEGINNING = "i am"
PROBABILITY = st.column_config.ProgressColumn("probability", format="percent", min_value=0.0, max_value=1.0)
CHAMPION_FOR_S = 60  # a new champion is noticed after so many seconds


def draw(view: View) -> None:
    """The page."""
    st.header("Next word")
    if not view.lake.registry:
        st.info("This dashboard was started without --mlflow-uri, so it knows no model.")
        st.code('moodstream model next-word "i am" --mlflow-uri URI', language="sh")
        return
    try:
        version = _champion(view.lake.registry)
        language = _language(view.lake.registry, version)
    except ModelError as error:
        st.info(str(error))
        return
    st.session_state.setdefault("beginning", BEGINNING)
    beginning = st.text_input("Beginning of a text", key="beginning")
    likely = language.next_words(beginning, SHOWN)
    for column, (word, _) in zip(st.columns(BUTTONS), likely, strict=False):
        column.button(word, key=f"append-{word}", width="stretch", on_click=_append, args=(word,))
    rows = pd.DataFrame(likely, columns=["word", "probability"])
    st.dataframe(rows, hide_index=True, width="stretch", column_config={"probability": PROBABILITY})
    st.caption(
        f"Of champion version {version}: a bigram model of its training texts, so only the last word counts. "
        "A button appends its word."
    )


def _open(registry: str) -> Registry:
    return Registry(Settings(registry, None, Path()))


def _append(word: str) -> None:
    st.session_state["beginning"] = f"{st.session_state['beginning'].rstrip()} {word}"


@st.cache_data(show_spinner="Asking the registry for the champion", ttl=CHAMPION_FOR_S)
def _champion(registry: str) -> str:
    """The champion's number; raises ModelError."""
    return _open(registry).find(CHAMPION).number


@st.cache_resource(show_spinner="Loading the model of words", max_entries=1)
def _language(registry: str, version: str) -> LanguageModel:
    """Raises ModelError."""
    opened = _open(registry)
    return LanguageModel.load(opened.run_file(opened.find(version), FILE))

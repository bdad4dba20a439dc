"""The live pages: `streamlit run deploy/dashboard/app.py -- PLACE`.

PLACE is a demo's working directory, or the URL or folder of a lake.
They read the lake only, and ask no other server for anything. One page is drawn at a time; `?page=Why` leads to one.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import streamlit as st

from deploy.dashboard import find, incidents, lake, models, overview, pipeline, why
from deploy.dashboard.lake import Lake
from deploy.dashboard.view import View

EVERY = "3s"
PAGES = {
    "Overview": overview.draw,
    "Why": why.draw,
    "Incidents": incidents.draw,
    "Find": find.draw,
    "Models": models.draw,
    "Pipeline": pipeline.draw,
}
LIVE = ("Overview", "Incidents", "Models", "Pipeline")  # the others wait for their reader
SPANS = {
    "15 minutes": timedelta(minutes=15),
    "1 hour": timedelta(hours=1),
    "6 hours": timedelta(hours=6),
    "1 day": timedelta(days=1),
    "7 days": timedelta(days=7),
}
STYLE = "<style>.block-container{padding-top:2.6rem} [data-testid=stMetricValue]{font-size:1.7rem}</style>"


def main(place: str) -> None:
    """Draw the page that the reader chose."""
    st.set_page_config(page_title="Moodstream", page_icon="🌊", layout="wide")
    st.markdown(STYLE, unsafe_allow_html=True)
    asked = st.query_params.get("page", "Overview")
    with st.sidebar:
        st.title("Moodstream")
        page = st.radio("Page", list(PAGES), index=list(PAGES).index(asked) if asked in PAGES else 0)
        span = SPANS[st.selectbox("Span", list(SPANS), index=1)]
        zone = st.selectbox("Times in", list(dict.fromkeys((st.context.timezone or "UTC", "UTC"))))
    st.query_params["page"] = page
    st.fragment(_draw, run_every=EVERY if page in LIVE else None)(page, _at(place), span, zone)


def _draw(page: str, where: Lake, span: timedelta, zone: str) -> None:
    until = lake.newest_minute(where)
    if until is None and page != "Pipeline":
        st.info("Nothing scored yet. The first results appear about half a minute after the start.")
        return
    PAGES[page](View(where, until or lake.now(), span, zone))


def _at(place: str) -> Lake:
    """A URL is a lake; a folder is a demo's working directory, or a lake if it has no `lake` of its own."""
    folder = Path(place)
    if "://" in place or (not (folder / "lake").is_dir() and (folder / "gold").is_dir()):
        return Lake(place.rstrip("/"))
    return Lake(str(folder / "lake"), str(folder / "run" / "status.json"))


main(sys.argv[1] if len(sys.argv) > 1 else "moodstream-demo")

"""The live pages: `streamlit run deploy/dashboard/app.py -- PLACE [--labels] [--mlflow-uri URI]`.

PLACE is a demo's working directory, or the URL or folder of a lake. The pages only read it; with `--labels` the page
Label also stores labels in it. They ask no other server for anything, but the page Next word asks the registry of
models. One page is drawn at a time; `?page=Why` names one.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import streamlit as st

from deploy.dashboard import find, incidents, label, lake, models, next_word, overview, pipeline, why
from deploy.dashboard.lake import Lake
from deploy.dashboard.view import View

EVERY = "3s"
PAGES = {
    "Overview": overview.draw,
    "Why": why.draw,
    "Incidents": incidents.draw,
    "Find": find.draw,
    "Models": models.draw,
    "Label": label.draw,
    "Next word": next_word.draw,
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
STYLE = """<style>
.block-container { padding-top: 2.6rem }
[data-testid=stMetricValue] { font-size: 1.7rem }
h2 { font-size: 1.5rem !important }
/* Streamlit's own colours of small and of primary text are too faint to be read easily (WCAG 2 AA: 4.5 to 1). */
[data-testid=stCaptionContainer] { color: inherit !important; opacity: .8 }
[data-testid=stCaptionContainer] code { color: inherit !important }
[data-testid=stSliderThumbValue] { color: inherit !important }
/* Live pages draw themselves anew every few seconds, and would fade each time. */
[data-stale=true], [data-testid=stExpander] summary, [data-testid=stExpander] summary * { opacity: 1 !important }
</style>"""


def main(where: Lake) -> None:
    """Draw the page that the reader chose."""
    st.set_page_config(page_title="Moodstream", page_icon="🌊", layout="wide")
    st.markdown(STYLE, unsafe_allow_html=True)
    if "page" not in st.session_state:  # a default that changed with the address would take the focus from the keyboard
        asked = st.query_params.get("page")
        st.session_state["page"] = asked if asked in PAGES else next(iter(PAGES))
    with st.sidebar:
        st.title("Moodstream")
        page = st.radio("Page", list(PAGES), key="page")
        span = SPANS[st.selectbox("Span", list(SPANS), index=1)]
        zone = st.selectbox("Times in", list(dict.fromkeys((st.context.timezone or "UTC", "UTC"))))
    st.query_params["page"] = page
    st.fragment(_draw, run_every=EVERY if page in LIVE else None)(page, where, span, zone)


def _draw(page: str, where: Lake, span: timedelta, zone: str) -> None:
    where = where.for_one_drawing()
    until = lake.newest_minute(where)
    if until is None and page != "Pipeline":
        st.info("Nothing scored yet. The first results appear about half a minute after the start.")
        return
    PAGES[page](View(where, until or lake.now(), span, zone))


def _lake(argv: Sequence[str], environ: Mapping[str, str]) -> Lake:
    """The lake that the command line names. A folder is a demo's working directory if it has a `lake` of its own."""
    parser = argparse.ArgumentParser(prog="app.py", description="Draw the pages of one lake.")
    parser.add_argument(
        "place", nargs="?", default="moodstream-demo", help="working directory, or folder or URL of a lake"
    )
    parser.add_argument("--labels", action="store_true", help="let the page Label write to silver/labels")
    parser.add_argument(
        "--mlflow-uri", help="model registry, for the page Next word (default: the working directory's)"
    )
    given = parser.parse_args(list(argv))
    folder = Path(given.place)
    common = {
        "labels": given.labels,
        "region": environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or lake.DEFAULT_REGION,
        "endpoint": environ.get("AWS_ENDPOINT_URL") or None,
    }
    if "://" in given.place or (not (folder / "lake").is_dir() and (folder / "gold").is_dir()):
        return Lake(
            given.place.rstrip("/"), option=f"--lake {shlex.quote(given.place)}", registry=given.mlflow_uri, **common
        )
    option = f"--workdir {shlex.quote(given.place)}"
    status, registry = folder / "run" / "status.json", f"sqlite:///{(folder / 'mlflow' / 'mlflow.db').absolute()}"
    return Lake(str(folder / "lake"), str(status), option, registry=given.mlflow_uri or registry, **common)


main(_lake(sys.argv[1:], os.environ))

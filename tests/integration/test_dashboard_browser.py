"""Everybody can use the dashboard: axe-core finds nothing on any page, and keys alone reach it all."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from deploy.local import ports
from deploy.local.pages import APP
from docs.generate import browser
from docs.generate.browser import Tab
from tests import axe, dashboard
from tests.lake_rows import rows_of
from tests.patience import wait_until

PAGES = ("Overview", "Why", "Incidents", "Find", "Models", "Label", "Next word", "Pipeline")
LOOKS = {
    "light": {"width": 1400, "height": 1000, "scheme": "light"},
    "dark": {"width": 1400, "height": 1000, "scheme": "dark"},
    "phone": {"width": 390, "height": 844, "scheme": "light"},
}
# `notRunning` comes before the first run, too, when the page has no heading yet.
DRAWN = """!!document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]')
  && !document.querySelector('[data-testid=stSkeleton], [data-testid=stSpinner]')
  && !!document.querySelector('[data-testid=stSidebar] h1')
  && !!document.querySelector('[data-testid=stMain] :is(h2, [data-testid=stMetric], [data-testid=stAlert])')"""
# Colours that fade from one scheme to the other have any contrast on their way.
AT_ONCE = "<style>* { transition: none !important; animation: none !important }</style>"
COLOURS = "getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme"
WIDGETS = (
    "stButton",
    "stDownloadButton",
    "stExpander",
    "stPopover",
    "stRadio",
    "stSelectbox",
    "stSlider",
    "stTextInput",
)
SHOWN_WIDGETS = f"""[...document.querySelectorAll('{", ".join(f"[data-testid={name}]" for name in WIDGETS)}')]
  .filter(each => each.checkVisibility() && !each.querySelector(':scope > button:disabled'))"""
FOCUSED = "document.activeElement.closest('[data-testid=stRadio]')?.innerText.startsWith('Page')"

pytestmark = pytest.mark.skipif(
    browser.installed() is None, reason="no chromium here (Debian: apt-get install chromium)"
)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with something on every page."""
    folder = tmp_path_factory.mktemp("dashboard")
    for fill in (dashboard.changed_mood, dashboard.two_versions, dashboard.judged, dashboard.served):
        fill(folder)
    dashboard.an_incident(folder)
    return folder


@pytest.fixture(scope="module")
def url(workdir: Path) -> Iterator[str]:
    with served(workdir) as address:
        yield address


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    chromium = browser.installed()
    assert chromium is not None
    with browser.tab(chromium, width=1400, height=1000) as opened:
        yield opened


@contextmanager
def served(workdir: Path) -> Iterator[str]:
    """The address of a dashboard of its own."""
    port = ports.free()
    options = ["--server.headless", "true", "--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false"]
    command = [sys.executable, "-m", "streamlit", "run", str(APP), *options, "--client.toolbarMode", "minimal"]
    place = ["--server.address", "127.0.0.1", "--server.port", str(port), "--", str(workdir), "--labels"]
    with (workdir / "server.log").open("wb") as log:
        server = subprocess.Popen([*command, *place], stdout=log, stderr=log)
        try:
            wait_until(lambda: answers(port), lambda: (workdir / "server.log").read_text())
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
            return True
    except OSError:
        return False


def open_page(tab: Tab, url: str, name: str) -> None:
    tab.look(**LOOKS["light"])
    tab.go(f"{url}/?page={quote(name)}")
    wait_until(lambda: tab.evaluate(DRAWN), f"{name} to be drawn")
    tab.evaluate(f"document.head.insertAdjacentHTML('beforeend', `{AT_ONCE}`)")


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_in_light_and_dark_and_on_a_phone(tab: Tab, url: str, name: str) -> None:
    open_page(tab, url, name)
    for look, how in LOOKS.items():
        tab.look(**how)
        wait_until(lambda how=how: tab.evaluate(COLOURS) == how["scheme"], f"{name} to be {look}")
        assert axe.findings(tab) == [], look
        assert not tab.evaluate("document.documentElement.scrollWidth > innerWidth"), (
            f"{look}: the page scrolls sideways"
        )


@pytest.mark.parametrize("name", PAGES)
def test_the_tab_key_reaches_every_widget_of_a_page(tab: Tab, url: str, name: str) -> None:
    open_page(tab, url, name)
    tab.evaluate(f"window.reached = new Set(); window.widgets = {SHOWN_WIDGETS}; 0")
    count = tab.evaluate("widgets.length")
    assert count >= 3, "page, span and time zone are on every page"

    # A widget has several stops at most: a slider two, a chart's or a table's tools a few more.
    for _ in range(10 * count):
        tab.press("Tab")
        tab.evaluate(
            "widgets.filter(each => each.contains(document.activeElement)).forEach(each => reached.add(each)); 0"
        )
        if tab.evaluate("reached.size") == count:
            break

    missed = tab.evaluate(
        "widgets.filter(each => !reached.has(each)).map(each => each.dataset.testid + each.innerText)"
    )
    assert missed == []


def test_the_arrow_keys_lead_from_page_to_page(tab: Tab, url: str) -> None:
    open_page(tab, url, PAGES[0])
    for _ in range(20):
        if tab.evaluate(FOCUSED):
            break
        tab.press("Tab")

    for name in PAGES[1:]:
        tab.press("ArrowDown")
        address = f"?page={quote_plus(name)}"
        wait_until(lambda there=address: tab.evaluate("location.search") == there, address)
        wait_until(lambda: tab.evaluate(DRAWN), f"{name} to be drawn")


def test_one_key_labels_a_text(tab: Tab, url: str, workdir: Path) -> None:
    open_page(tab, url, "Label")
    tab.evaluate("document.querySelector('[data-testid=stMain] [data-testid=stTextInput] input').focus(); 0")
    for key in (*"ann", "Enter"):
        tab.press(key)
    wait_until(lambda: tab.evaluate("document.body.innerText.includes('Labelling as ann')"), "the name to be taken")
    wait_until(lambda: tab.evaluate(DRAWN), "the text to be drawn")

    tab.press("3")

    wait_until(lambda: tab.evaluate("document.body.innerText.includes('this sitting: 1')"), "the answer to be taken")
    (label,) = rows_of(workdir / "lake", "silver/labels")
    assert (label["label"], label["source"]) == ("positive", "ann")

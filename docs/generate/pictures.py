"""`python -m docs.generate.pictures URL`: takes the pictures of the docs from a running dashboard, with Chromium.

Exit codes: 0 taken, 2 wrong use.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from docs.generate import browser
from docs.generate.browser import Tab

FOLDER = Path(__file__).resolve().parents[1] / "pictures"
SETTLES_S = 120.0  # a page that still changes after that is taken as it is
LOOK_EVERY_S = 5.0


class Picture(NamedTuple):
    """A page of the dashboard at a size in pixels."""

    page: str
    width: int = 1400
    height: int = 1250
    scheme: str = "light"


PICTURES: Mapping[str, Picture] = {
    "overview": Picture("Overview"),
    "overview-dark": Picture("Overview", scheme="dark"),
    "why": Picture("Why", height=1000),
}


def main(argv: Sequence[str]) -> int:
    """Take every picture."""
    chromium = browser.installed()
    if len(argv) != 1 or not argv[0].startswith("http"):
        sys.stderr.write("usage: python -m docs.generate.pictures http://127.0.0.1:PORT (of a running dashboard)\n")
        return 2
    if chromium is None:
        sys.stderr.write("pictures: there is no chromium here (Debian: apt-get install chromium)\n")
        return 2
    FOLDER.mkdir(exist_ok=True)
    for name, picture in PICTURES.items():
        with browser.tab(chromium, width=picture.width, height=picture.height) as tab:
            (FOLDER / f"{name}.png").write_bytes(_taken(tab, argv[0].rstrip("/"), picture))
        sys.stdout.write(f"{name}.png\n")
    return 0


def _taken(tab: Tab, url: str, picture: Picture) -> bytes:
    """The page as PNG, once it looks the same twice."""
    tab.look(width=picture.width, height=picture.height, scheme=picture.scheme)
    tab.go(f"{url}/?page={picture.page}")
    last, deadline = b"", time.monotonic() + SETTLES_S
    while True:
        time.sleep(LOOK_EVERY_S)
        shot = tab.picture()
        if shot == last or time.monotonic() > deadline:
            return shot
        last = shot


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

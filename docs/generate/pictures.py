"""`python -m docs.generate.pictures URL`: takes the pictures of the docs from a running dashboard, with Chromium.

Chromium must be installed (Debian: `apt-get install chromium`). The browser listens on a loopback port of its own, and
is stopped at the end. Exit codes: 0 taken, 2 wrong use.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from websockets.sync.client import ClientConnection, connect

from deploy.local import ports

FOLDER = Path(__file__).resolve().parents[1] / "pictures"
SETTLES_S = 120.0  # a page that still changes after that is taken as it is
POLL_S = 0.5


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
    browser = shutil.which("chromium")
    if len(argv) != 1 or not argv[0].startswith("http"):
        sys.stderr.write("usage: python -m docs.generate.pictures http://127.0.0.1:PORT (of a running dashboard)\n")
        return 2
    if browser is None:
        sys.stderr.write("pictures: there is no chromium here (Debian: apt-get install chromium)\n")
        return 2
    FOLDER.mkdir(exist_ok=True)
    for name, picture in PICTURES.items():
        with _browser(browser, picture) as tab:
            (FOLDER / f"{name}.png").write_bytes(_taken(tab, argv[0].rstrip("/"), picture))
        sys.stdout.write(f"{name}.png\n")
    return 0


@contextmanager
def _browser(browser: str, picture: Picture) -> Iterator[ClientConnection]:
    """A tab of a browser without a window, over its DevTools."""
    port = ports.free()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        where = [f"--remote-debugging-port={port}", f"--user-data-dir={profile}"]
        process = subprocess.Popen(  # noqa: S603 - the browser that the PATH names
            [*command, *where, f"--window-size={picture.width},{picture.height}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with connect(_address(port), max_size=None) as tab:
                yield tab
        finally:
            process.terminate()
            process.wait()


def _address(port: int) -> str:
    """The address of the browser's only tab, once it answers."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                tabs = json.load(answer)
            return str(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
        except (OSError, StopIteration):
            time.sleep(POLL_S)


def _taken(tab: ClientConnection, url: str, picture: Picture) -> bytes:
    """The page as PNG, once it looks the same twice."""
    scheme = {"name": "prefers-color-scheme", "value": picture.scheme}
    _call(tab, "Emulation.setEmulatedMedia", features=[scheme])
    size = {"width": picture.width, "height": picture.height, "deviceScaleFactor": 1, "mobile": picture.width < 600}
    _call(tab, "Emulation.setDeviceMetricsOverride", **size)
    _call(tab, "Page.navigate", url=f"{url}/?page={picture.page}")
    last, deadline = b"", time.monotonic() + SETTLES_S
    while True:
        time.sleep(10 * POLL_S)
        shot = base64.b64decode(_call(tab, "Page.captureScreenshot", format="png")["data"])
        if shot == last or time.monotonic() > deadline:
            return shot
        last = shot


def _call(tab: ClientConnection, method: str, **parameters: Any) -> dict[str, Any]:
    """Send one command of the DevTools protocol; returns its result. Events that arrive before it are passed over."""
    tab.send(json.dumps({"id": 1, "method": method, "params": parameters}))
    while True:
        answer = json.loads(tab.recv())
        if answer.get("id") == 1:
            return dict(answer.get("result") or {})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

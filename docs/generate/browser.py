"""Drives a headless Chromium over its DevTools protocol: one tab, with its size, colours, keys and scripts.

Chromium must be installed (Debian: `apt-get install chromium`). It listens on a loopback port of its own.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from deploy.local import ports

POLL_S = 0.1
MAX_PHONE_WIDTH = 600
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowUp": 38, "ArrowDown": 40}


def installed() -> str | None:
    """The path of Chromium; None if it is not installed."""
    return shutil.which("chromium")


class Tab:
    """One tab. Every method raises RuntimeError if the browser refuses, websockets' errors if it has ended."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._sent = 0

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command of the DevTools protocol; returns its result. Events that arrive before it are ignored."""
        self._sent += 1
        self._connection.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._connection.recv())
            if answer.get("id") == self._sent:
                if error := answer.get("error"):
                    raise RuntimeError(f"{method}: {error['message']}")
                return dict(answer.get("result") or {})

    def look(self, *, width: int, height: int, scheme: str = "light") -> None:
        """Set the size in pixels and the preferred colours (`light`, `dark`)."""
        preferred = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[preferred])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < MAX_PHONE_WIDTH}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def go(self, url: str) -> None:
        """Begin to load an address."""
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited. Raises RuntimeError if the script fails."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if failure := answer.get("exceptionDetails"):
            raise RuntimeError(failure.get("exception", {}).get("description") or failure["text"])
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key: one of KEYS, or a character."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        code = KEYS.get(key) or ord(key.upper())
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code, "nativeVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", **event, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def picture(self) -> bytes:
        """What the tab shows, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])


@contextmanager
def tab(browser: str, *, width: int, height: int) -> Iterator[Tab]:
    """A tab of a browser of its own, which ends with the block."""
    port = ports.free()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        where = [f"--remote-debugging-port={port}", f"--user-data-dir={profile}"]
        process = subprocess.Popen(  # noqa: S603 - the browser that the PATH names
            [*command, *where, f"--window-size={width},{height}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with connect(_address(port, process), max_size=None) as connection:
                yield Tab(connection)
        finally:
            process.terminate()
            process.wait()


def _address(port: int, process: subprocess.Popen[bytes]) -> str:
    """The address of the browser's only tab, once it answers; raises RuntimeError if the browser ends."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                tabs = json.load(answer)
            return str(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
        except (OSError, StopIteration):
            time.sleep(POLL_S)
    raise RuntimeError(f"Chromium ended with code {process.returncode} before it could be used")

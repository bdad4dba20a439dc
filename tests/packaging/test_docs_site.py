"""The documentation site: it builds without a warning, so no link between its pages is broken."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.patience import patience

ROOT = Path(__file__).resolve().parents[2]


def test_the_site_builds_strictly_and_asks_no_other_server(tmp_path: Path) -> None:
    command = ["make", "docs", f"ARGS=--site-dir {tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=patience(300))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    start = (tmp_path / "index.html").read_text()
    assert "Tutorial" in start
    fetched = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(https?://[^\"]+)\"", start)
    assert [address for address in fetched if "moodstream" not in address] == []

"""What a command prints for `--help`, the same on every machine."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable


def printed(run: Callable[[], object], columns: int) -> str:
    """The standard output of `run`, which may raise SystemExit; argparse breaks its lines at so many columns."""
    out, width = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(columns)
    try:
        silenced = contextlib.redirect_stderr(io.StringIO())
        with contextlib.redirect_stdout(out), silenced, contextlib.suppress(SystemExit):
            run()
    finally:
        if width is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = width
    return out.getvalue()

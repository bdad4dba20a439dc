"""Older releases of the project, checked out beside this one, so that a measurement can run both on one machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import ServiceError, UsageError

ROOT = Path(__file__).resolve().parents[2]
# What `make setup` leaves in the folder besides the code: Spark's jars, labelled data.
SET_UP = (".jars", ".cache")


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """A work tree of `commit` in `folder`, which must not exist yet; it runs with this release's environment.

    Raises UsageError if there is no such commit here.
    """
    known = _git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    if known.returncode:
        raise UsageError(f"--against: received '{commit}', expected a commit of this repository (try `git log`)")
    added = _git("worktree", "add", "--quiet", "--detach", str(folder), known.stdout.strip())
    if added.returncode:
        raise ServiceError(f"cannot check out {commit}: {added.stderr.strip()}")
    try:
        for name in SET_UP:
            if (ROOT / name).exists() and not (folder / name).exists():
                (folder / name).symlink_to(ROOT / name)
        yield folder
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607

"""The jar of the Kinesis connector that the command line names, checked before it is uploaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from deploy.emr import connector
from deploy.emr.releases import Release
from deploy.infra.errors import DeployError


def checked_connector(path: str | None, expected: str | None, release: Release) -> Path | None:
    """The jar, whose SHA-256 must be the expected one; None if neither is given.

    Raises DeployError if it is another file, or a build that cannot be used on the EMR release.
    """
    if not path and not expected:
        return None
    if not path or not expected:
        raise DeployError("--connector-jar and --connector-sha256: give both, or neither")
    jar = Path(path)
    if not jar.is_file():
        raise DeployError(f"--connector-jar: {jar} is no file: download it (docs/deploy/first-deployment.md)")
    found = hashlib.sha256(jar.read_bytes()).hexdigest()
    if found != expected.lower():
        raise DeployError(f"--connector-sha256: {jar} has {found}, expected {expected}: it is another build")
    if why := connector.fault(jar, release):
        raise DeployError(f"--connector-jar: {jar} {why}; --release names the release (docs/deploy/spark-versions.md)")
    return jar

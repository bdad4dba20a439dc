"""Small files, when the process dies or the disk is full while they are written."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

import pytest

from streaming.errors import SettingsError
from streaming.files import Files, location


def test_a_file_is_read_as_it_was_written_last(tmp_path: Path) -> None:
    path = f"{tmp_path}/made/pins.json"
    assert Files().read_json(path) is None
    for value in ([1], [1, 2]):
        Files().write_json(path, value)
        assert Files().read_json(path) == value


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    Files().write_json(f"{tmp_path}/pins.json", [1])
    (tmp_path / ".pins.json.draft").write_bytes(b"[1,")
    (tmp_path / ".never.json.draft").touch()
    assert Files().read_json(f"{tmp_path}/pins.json") == [1]
    assert Files().read_json(f"{tmp_path}/never.json") is None


def test_a_write_that_a_crash_cut_in_two_is_made_good_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "pins.json"
    Files().write_json(str(path), [1])
    (tmp_path / ".pins.json.draft").write_bytes(b"[2]")
    assert Files().read_json(str(path)) == [1]
    assert (tmp_path / ".pins.json.draft").exists(), "reading changes nothing"
    Files().write_json(str(path), [3])
    assert Files().read_json(str(path)) == [3]
    assert [each.name for each in tmp_path.iterdir()] == ["pins.json"]


def test_a_reader_always_finds_a_whole_file_beside_a_writer(tmp_path: Path) -> None:
    path, files = f"{tmp_path}/pins.json", Files()
    files.write_json(path, [0] * 1000)
    writer = threading.Thread(target=lambda: [files.write_json(path, [number] * 1000) for number in range(200)])
    writer.start()
    while writer.is_alive():
        found = files.read_json(path)
        assert len(found) == 1000
        assert len(set(found)) == 1
    writer.join()


def test_a_path_that_nothing_can_reach_is_refused_with_what_was_expected() -> None:
    with pytest.raises(SettingsError, match=r"'hdfs://lake/pins.json': expected a local folder, or a URL .* s3://"):
        Files().read("hdfs://lake/pins.json")


def test_a_file_url_is_a_local_path(tmp_path: Path) -> None:
    Files().write(f"file://{tmp_path}/a.txt", b"a")
    assert (tmp_path / "a.txt").read_bytes() == b"a"
    assert location("s3a://bucket/key") == "s3://bucket/key"


def test_a_folder_is_listed_and_removed(tmp_path: Path) -> None:
    files = pickle.loads(pickle.dumps(Files()))
    for name in ("b.txt", "deep/er/c.txt", "a.txt"):
        files.write(f"{tmp_path}/x/{name}", name.encode())
    assert [found.name for found in files.below(f"{tmp_path}/x")] == ["a.txt", "b.txt"]
    assert [(found.name, found.size) for found in files.below(f"{tmp_path}/x", recursive=True)] == [
        ("a.txt", 5),
        ("b.txt", 5),
        ("deep/er/c.txt", 13),
    ]
    assert files.folders(f"{tmp_path}/x") == ["deep"]
    assert files.folders(f"{tmp_path}/none") == []
    assert list(files.below(f"{tmp_path}/none")) == []
    files.remove(f"{tmp_path}/x/a.txt")
    files.remove(f"{tmp_path}/x/none")
    files.remove(f"{tmp_path}/x/deep")
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["b.txt"]


def test_a_folder_is_moved_with_all_that_it_holds(tmp_path: Path) -> None:
    files, folder, target = Files(), f"{tmp_path}/refine", f"{tmp_path}/_damaged/refine"
    files.write(f"{folder}/offsets/7", b"v1")
    files.write(f"{folder}/empty", b"")
    files.move_folder(folder, target)
    assert [(found.name, found.size) for found in files.below(target, recursive=True)] == [
        ("empty", 0),
        ("offsets/7", 2),
    ]
    assert [files.exists(path) for path in (f"{target}/empty", target, folder)] == [True, False, False]

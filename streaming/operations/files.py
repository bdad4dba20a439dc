"""Plain files beside the tables and the checkpoints, local or on S3, without Spark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pyarrow import fs

from streaming.delta.tables import location
from streaming.settings import Settings


class Files:
    """The files of one lake's storage; paths are as the settings name them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def read(self, path: str) -> bytes | None:
        """The content, or None if there is no such file."""
        files, bare = self._at(path)
        try:
            with files.open_input_stream(bare, compression=None) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def write(self, path: str, content: bytes) -> None:
        """Replace the file; its folder is made."""
        files, bare = self._at(path)
        files.create_dir(bare.rsplit("/", 1)[0], recursive=True)
        draft = f"{bare}.draft" if isinstance(files, fs.LocalFileSystem) else bare
        with files.open_output_stream(draft, compression=None) as stream:
            stream.write(content)
        if draft != bare:
            files.move(draft, bare)

    def read_json(self, path: str) -> Any:
        """The JSON value, or None if there is no such file."""
        content = self.read(path)
        return None if content is None else json.loads(content)

    def write_json(self, path: str, value: Any) -> None:
        """Replace the file by this JSON value."""
        self.write(path, json.dumps(value, indent=1, default=str).encode())

    def remove(self, path: str) -> None:
        """Delete a file or a folder with what it holds; none is fine."""
        files, bare = self._at(path)
        kind = files.get_file_info(bare).type
        if kind == fs.FileType.Directory:
            files.delete_dir(bare)
        elif kind == fs.FileType.File:
            files.delete_file(bare)

    def below(self, path: str, *, recursive: bool = False) -> Iterator[tuple[str, float]]:
        """(path relative to `path`, modification time in epoch seconds) of each file below it, in order."""
        files, bare = self._at(path)
        found = files.get_file_info(fs.FileSelector(bare, recursive=recursive, allow_not_found=True))
        for info in sorted(found, key=lambda each: each.path):
            if info.type == fs.FileType.File:
                yield info.path[len(bare) :].lstrip("/"), (info.mtime_ns or 0) / 1e9

    def folders(self, path: str) -> list[str]:
        """The names of the folders in `path`."""
        files, bare = self._at(path)
        found = files.get_file_info(fs.FileSelector(bare, allow_not_found=True))
        return sorted(info.base_name for info in found if info.type == fs.FileType.Directory)

    def open(self, path: str) -> Any:
        """A file open for random reads."""
        files, bare = self._at(path)
        return files.open_input_file(bare)

    def lines(self, path: str) -> Iterator[bytes]:
        """The lines of a file without their ends; `.gz` and the like are unpacked."""
        files, bare = self._at(path)
        with files.open_input_stream(bare, compression="detect") as stream:
            rest = b""
            while block := stream.read(1 << 20):
                *whole, rest = (rest + block).split(b"\n")
                yield from whole
            if rest:
                yield rest

    def _at(self, path: str) -> tuple[fs.FileSystem, str]:
        where = location(path)
        if not where.startswith("s3://"):
            return fs.LocalFileSystem(), where
        endpoint = self._settings.aws_endpoint
        scheme, _, host = (endpoint or "").partition("://")
        options = {"endpoint_override": host, "scheme": scheme} if endpoint else {}
        return fs.S3FileSystem(region=self._settings.region, **options), where.removeprefix("s3://")

"""Small files beside the tables and checkpoints, in a local folder or on S3: read, replaced, listed, without Spark.

Guarantee: a reader of a file sees the old content or the new one, never a part, even when the writer dies or its disk
is full. Locally the content goes into a hidden draft that is then renamed; on S3 a put is atomic by itself. Reading
never changes anything.

S3 is reached through delta-rs' own storage client, not through pyarrow's `S3FileSystem`: that one is AWS's C++ SDK,
which looks for credentials in other places and in another order, so that a job could commit to its tables and not read
its checkpoints. With one client there is one chain: environment variables, web identity, container, instance profile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import fs

from streaming.errors import SettingsError
from streaming.settings import Settings

S3 = "s3://"
NO_CREDENTIALS = (
    "no AWS credentials were found to read the lake with; expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the "
    "environment, a web identity, a container's role or an instance's role. A profile is not read: run "
    "`aws configure export-credentials --format env` and set what it prints"
)


class Found(NamedTuple):
    """A file in a folder: its path below that folder, its modification time in epoch seconds, its size in bytes."""

    name: str
    modified: float
    size: int


class Files:
    """The files that one job can reach. Paths are as the settings name them: a local path, `s3://` or `s3a://`.

    Every method raises SettingsError for a path of another kind, and OSError when the storage fails. Can be pickled.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """`settings` name the region and the endpoint of S3; not needed for local files."""
        self._options = s3_options(settings) if settings else {}

    def read(self, path: str) -> bytes | None:
        """The content, or None if there is no such file."""
        storage, place = self._at(path)
        try:
            with storage.open_input_stream(place, compression=None) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        storage, place = self._at(path)
        return bool(storage.get_file_info(place).type == fs.FileType.File)

    def write(self, path: str, content: bytes) -> None:
        """Replace the file, atomically; its folder is created."""
        storage, place = self._at(path)
        if not isinstance(storage, fs.LocalFileSystem):
            # Buffered whole: a plain write would hand delta-rs an Arrow buffer, and it accepts only bytes.
            with storage.open_output_stream(place) as sink, pa.BufferedOutputStream(sink, len(content) + 1) as buffered:
                buffered.write(content)
            return
        folder, _, name = place.rpartition("/")
        draft = f"{folder}/.{name}.draft" if folder else f".{name}.draft"
        with self.create(draft) as stream:
            stream.write(content)
        storage.move(draft, place)

    def read_json(self, path: str) -> Any:
        """The file's JSON value, or None if there is no such file; raises ValueError if it is not JSON."""
        content = self.read(path)
        return None if content is None else json.loads(content)

    def write_json(self, path: str, value: Any) -> None:
        """Replace the file by this JSON value, atomically; values that JSON lacks, such as times, become strings."""
        self.write(path, json.dumps(value, indent=1, default=str).encode())

    def create(self, path: str) -> pa.NativeFile:
        """A new file for one of Arrow's writers; its folder is created. Locally its parts are visible at once.

        Its own method `write` works for local files only: delta-rs' client accepts what Arrow's writers pass, bytes.
        """
        storage, place = self._at(path)
        if isinstance(storage, fs.LocalFileSystem) and "/" in place:
            storage.create_dir(place.rpartition("/")[0], recursive=True)
        return storage.open_output_stream(place, compression=None)

    def open(self, path: str) -> pa.NativeFile:
        """The file, open for reads at any position; raises FileNotFoundError if there is none."""
        storage, place = self._at(path)
        return storage.open_input_file(place)

    def lines(self, path: str) -> Iterator[bytes]:
        """The file's lines without their line ends; a compressed file (`.gz`) is decompressed."""
        storage, place = self._at(path)
        with storage.open_input_stream(place, compression="detect") as stream:
            rest = b""
            while block := stream.read(1 << 20):
                *whole, rest = (rest + block).split(b"\n")
                yield from whole
            if rest:
                yield rest

    def remove(self, path: str) -> None:
        """Delete a file, or a folder with all that it holds; a path where nothing is may be removed too."""
        storage, place = self._at(path)
        kind = storage.get_file_info(place).type
        if kind == fs.FileType.Directory:
            storage.delete_dir(place)
        elif kind == fs.FileType.File:
            storage.delete_file(place)

    def move(self, path: str, target: str) -> None:
        """Move a file; locally it keeps its time. On S3 a copy that is then deleted, so that both may be there."""
        storage, place = self._at(path)
        if isinstance(storage, fs.LocalFileSystem):
            _, there = self._at(target)
            storage.create_dir(there.rpartition("/")[0], recursive=True)
            storage.move(place, there)
        elif (content := self.read(path)) is not None:
            self.write(target, content)
            self.remove(path)

    def move_folder(self, path: str, target: str) -> None:
        """Copy every file in the folder and its subfolders to `target`, then delete the folder; may be repeated."""
        for file in list(self.below(path, recursive=True)):
            self.write(f"{target}/{file.name}", self.read(f"{path}/{file.name}") or b"")
        self.remove(path)

    def below(self, path: str, *, recursive: bool = False) -> Iterator[Found]:
        """The files in a folder, and in its subfolders if `recursive`, in order of their paths."""
        storage, place = self._at(path)
        found = storage.get_file_info(fs.FileSelector(place, recursive=recursive, allow_not_found=True))
        # On S3, Hadoop makes an empty object for each folder, with the folder's name: a file to delta-rs' client.
        folders = {place.rstrip("/"), *(info.path for info in found if info.type == fs.FileType.Directory)}
        for info in sorted(found, key=lambda each: each.path):
            if info.type == fs.FileType.File and info.path not in folders:
                yield Found(info.path[len(place) :].lstrip("/"), (info.mtime_ns or 0) / 1e9, info.size)

    def folders(self, path: str) -> list[str]:
        """The names of the folders in `path`, in order; none if it does not exist."""
        storage, place = self._at(path)
        found = storage.get_file_info(fs.FileSelector(place, allow_not_found=True))
        return sorted(info.base_name for info in found if info.type == fs.FileType.Directory)

    def _at(self, path: str) -> tuple[fs.FileSystem, str]:
        """The file system that holds `path`, and the path as that file system names it."""
        uri = location(path)
        if uri.startswith(S3):
            bucket, _, key = uri.removeprefix(S3).partition("/")
            return _bucket(f"{S3}{bucket}", tuple(self._options.items())), key
        if "://" in uri:
            raise SettingsError(f"'{path}': expected a local folder, or a URL that begins with s3:// or s3a://")
        return _LOCAL, uri


_LOCAL = fs.LocalFileSystem()


@lru_cache(maxsize=32)
def _bucket(uri: str, options: tuple[tuple[str, str], ...]) -> fs.PyFileSystem:
    # Imported late: Spark's Python workers import this module, and need delta-rs only where the lake is on S3.
    from deltalake.fs import DeltaStorageHandler

    return fs.PyFileSystem(DeltaStorageHandler(uri, dict(options)))


def location(path: str) -> str:
    """The path as delta-rs expects it: S3 as `s3://`, which Hadoop calls `s3a://`; a local `file:` URL as a path."""
    scheme, colon, rest = path.partition("://")
    if colon and scheme == "file":
        return rest
    return f"{S3}{rest}" if colon and scheme in ("s3a", "s3n") else path


def lacks_credentials(error: Exception) -> bool:
    """Whether delta-rs' storage client found no AWS credentials, or the instance's service of credentials refused."""
    return any(sign in str(error) for sign in ("no credentials found in chain", "while loading credentials"))


def s3_options(settings: Settings) -> dict[str, str]:
    """What delta-rs' storage client is given for S3. Credentials are never among it: see the module's docstring."""
    # A commit is one conditional put: two writers can never take the same version.
    options = {"AWS_REGION": settings.region, "aws_conditional_put": "etag"}
    if settings.aws_endpoint:
        options["AWS_ENDPOINT_URL"] = settings.aws_endpoint
        # With an endpoint delta-rs skips AWS's chain, and with it the container credentials of EMR Serverless.
        options["AWS_FORCE_CREDENTIAL_LOAD"] = "true"
        options["AWS_ALLOW_HTTP"] = str(settings.aws_endpoint.startswith("http://")).lower()
    return options

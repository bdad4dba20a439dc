"""Where a load waits in S3 until Redshift has copied it: a manifest that names Parquet files, and files of its own.

The files of the lake are copied from where they are. Only rows that are in no file, and those of files that COPY would
refuse, are written here.

Guarantee: COPY reads exactly the files of this attempt: names are fixed by query, batch and target, a repeated load
overwrites what an attempt before left, and the manifest gives each file's length. Files are removed after the commit;
what a crash leaves, the bucket's life cycle removes.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from botocore.exceptions import BotoCoreError, ClientError
from pyarrow import parquet

from streaming.errors import SinkUnavailable

log = logging.getLogger(__name__)

ROWS_PER_FILE = 250_000  # several files are copied side by side
WIDTH = re.compile(r"varchar\((\d+)\)")


class Client(Protocol):
    """What we use of boto3's `s3` client."""

    def put_object(self, **request: Any) -> Any:
        """Write one object."""
        ...

    def delete_objects(self, **request: Any) -> Any:
        """Remove objects."""
        ...


@dataclass(frozen=True)
class Staging:
    """A prefix in a bucket."""

    client: Client
    bucket: str
    prefix: str

    def put(self, name: str, parts: Iterable[pa.Table]) -> list[str]:
        """Write each part as files; returns the keys written, the manifest's last. One part is in memory at a time."""
        entries: list[tuple[str, int]] = []
        keys: list[str] = []
        for part in parts:
            for start in range(0, part.num_rows, ROWS_PER_FILE):
                content = BytesIO()
                parquet.write_table(part.slice(start, ROWS_PER_FILE), content, compression="snappy", version="1.0")
                keys.append(self._key(f"{name}/{len(keys)}.parquet"))
                self._put(keys[-1], content.getvalue())
                entries.append((self.url(keys[-1]), content.tell()))
        return [*keys, self.put_manifest(name, entries)]

    def put_manifest(self, name: str, files: Iterable[tuple[str, int]]) -> str:
        """Write a manifest of files by URL and size in bytes, which COPY wants for Parquet; returns its key."""
        entries = [{"url": url, "mandatory": True, "meta": {"content_length": size}} for url, size in files]
        key = self._key(f"{name}/manifest.json")
        self._put(key, json.dumps({"entries": entries}).encode())
        return key

    def remove(self, keys: list[str]) -> None:
        """Remove what `put` wrote. A failure is no reason to repeat a load that has committed: it is logged."""
        for start in range(0, len(keys), 1000):
            objects = [{"Key": key} for key in keys[start : start + 1000]]
            try:
                self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
            except (BotoCoreError, ClientError) as error:
                log.warning("staged files stay behind in s3://%s/%s: %s", self.bucket, self.prefix, error)

    def url(self, key: str) -> str:
        """How COPY names the key."""
        return f"s3://{self.bucket}/{key}"

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    def _put(self, key: str, content: bytes) -> None:
        try:
            self.client.put_object(Bucket=self.bucket, Key=key, Body=content)
        except (BotoCoreError, ClientError) as error:
            raise SinkUnavailable(f"staging at s3://{self.bucket}/{self.prefix}: {error}") from error


def fitted(rows: pa.Table, types: Mapping[str, str]) -> pa.Table:
    """The columns named in `types`, in that order, as COPY takes them from Parquet: by place, never by name.

    Times are UTC without a zone (COPY refuses TIMESTAMPTZ from Parquet), NUL characters are left out, and text that
    is longer than its column in bytes is cut: one long identifier must not hold up all loads.
    """
    columns = {name: _fitted(name, rows[name], declared) for name, declared in types.items()}
    return pa.table(columns)


def _fitted(name: str, column: pa.ChunkedArray, declared: str) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us"))
    if not (width := WIDTH.match(declared)):
        return column
    text = pc.replace_substring(column.cast(pa.string()), "\0", "")
    longest = pc.max(pc.binary_length(text)).as_py() or 0
    if longest <= int(width[1]):
        return text
    log.warning("column %s: text of %d bytes cut to %s", name, longest, width[1])
    cut = [value and value.encode()[: int(width[1])].decode(errors="ignore") for value in text.to_pylist()]
    return pa.chunked_array([cut], pa.string())

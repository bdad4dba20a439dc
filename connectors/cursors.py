"""Where a connector remembers how far it has read: a local file, or an object in S3.

Guarantee: a cursor is written only after everything before it was acknowledged, and replaces the former one as a whole.
A crash leaves the former one, from which reading repeats a little; ids make the repeats disappear.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from connectors.errors import CursorError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Place(Protocol):
    """Holds one document."""

    pause_s: float  # seconds that should lie between two writes

    def read(self) -> bytes | None:
        """The document, None if there is none yet; raises CursorError."""

    def write(self, document: bytes) -> None:
        """Replace the document; raises CursorError."""


class LocalFile:
    """A file, replaced atomically and handed to the disk."""

    pause_s = 1.0

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes | None:
        """The file's bytes."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CursorError(f"cannot read --cursor '{self._path}': {error.strerror}") from error

    def write(self, document: bytes) -> None:
        """Write beside it, then rename."""
        part = self._path.with_name(f"{self._path.name}.part")
        try:
            with part.open("wb") as file:
                file.write(document)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as error:
            raise CursorError(f"cannot write --cursor '{self._path}': {error.strerror}") from error


class S3Object:
    """An object in S3: a put replaces it as a whole."""

    pause_s = 10.0  # a put costs money, and a restart repeats no more than this

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client, self._bucket, self._key = client, bucket, key

    def read(self) -> bytes | None:
        """The object's bytes."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=self._key)["Body"].read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NoSuchKey" or (code == "AccessDenied" and self._is_missing()):
                return None
            raise CursorError(f"cannot read --cursor 's3://{self._bucket}/{self._key}': {error}") from error
        except BotoCoreError as error:
            raise CursorError(f"cannot read --cursor 's3://{self._bucket}/{self._key}': {error}") from error
        return body

    def _is_missing(self) -> bool:
        """Whether a list shows that there is no object; False if listing is refused.

        S3 calls a missing object AccessDenied for a role that may list no more than a prefix of the bucket.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._key, MaxKeys=1)
        except (ClientError, BotoCoreError):
            return False
        return all(each["Key"] != self._key for each in found.get("Contents", ()))

    def write(self, document: bytes) -> None:
        """Put the object."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.put_object(Bucket=self._bucket, Key=self._key, Body=document)
        except (ClientError, BotoCoreError) as error:
            raise CursorError(f"cannot write --cursor 's3://{self._bucket}/{self._key}': {error}") from error


class Cursor:
    """The cursor of one source. Without a place it is remembered for this run only."""

    def __init__(self, place: Place | None, source: str) -> None:
        self._place, self._source = place, source
        self._written: Any = None
        self.pause_s = place.pause_s if place else 0.0

    def load(self) -> Any:
        """The position to go on from, None at the first start; raises CursorError if it is not this source's."""
        document = self._place.read() if self._place else None
        if document is None:
            return None
        try:
            content = json.loads(document)
            source, self._written = content["source"], content["cursor"]
        except (ValueError, KeyError, TypeError):
            raise CursorError(f"--cursor holds {document[:60]!r}, expected what this command writes there") from None
        if source != self._source:
            raise CursorError(f"--cursor belongs to '{source}', not to '{self._source}': name another file")
        return self._written

    def save(self, position: Any) -> None:
        """Write down that everything before `position` was acknowledged."""
        if self._place is not None and position is not None and position != self._written:
            self._place.write(json.dumps({"source": self._source, "cursor": position}).encode())
            self._written = position


def place_of(text: str | None, environ: Mapping[str, str]) -> Place | None:
    """The place that --cursor names; raises UsageError if it names none."""
    if text is None:
        return None
    scheme, separator, rest = text.partition("://")
    if not separator:
        return LocalFile(Path(text))
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not key:
        raise UsageError(f"--cursor: received '{text}', expected a file or s3://BUCKET/KEY")
    from connectors.aws import client

    return S3Object(client("s3", environ), bucket, key)

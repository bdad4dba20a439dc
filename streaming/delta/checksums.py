"""Version checksum files of Delta tables (`VERSION.crc`, an optional part of Delta's protocol).

A Spark reader takes the protocol and the schema of a new version from its checksum; without one it runs a Spark job
over the log for each version of each table that it follows, 0.3 s each on two cores. delta-rs writes no checksums, so
append.py writes them after its commits.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pa_fs
from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler

log = logging.getLogger(__name__)


class Checksums:
    """Writes the checksums of one writer's commits to one table.

    It keeps the table's totals from one commit to the next, so that the cost does not grow with the table.
    """

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        self._uri = uri
        self._options = options
        self._version = -1
        self._totals = (0, 0)

    def before(self, table: DeltaTable) -> None:
        """Call before a commit with the snapshot it builds on; counts its files if another writer changed the table."""
        if table.version() != self._version:
            sizes = pa.table(table.get_add_actions())["size_bytes"]
            self._version, self._totals = table.version(), (len(sizes), pc.sum(sizes).as_py() or 0)

    def after(self, table: DeltaTable, added: Sequence[int]) -> None:
        """Call after a commit that added files of these sizes, in bytes; writes the checksum of the newest version.

        If another writer committed in between, nothing is written, and readers read the log. Never raises: checksums
        are optional.
        """
        if table.version() != self._version + 1:
            return
        files, size = self._totals
        self._version, self._totals = table.version(), (files + len(added), size + sum(added))
        try:
            self._put(f"_delta_log/{self._version:020d}.crc", json.dumps(self._described(table)).encode())
        except Exception as error:  # optional in Delta, and the rows are committed
            log.warning("no checksum for version %d of %s: %s", self._version, self._uri, error)

    def _described(self, table: DeltaTable) -> dict[str, Any]:
        files, size = self._totals
        counts = {"tableSizeBytes": size, "numFiles": files, "numMetadata": 1, "numProtocol": 1}
        return {**counts, "metadata": _metadata(table), "protocol": _protocol(table)}

    def _put(self, path: str, content: bytes) -> None:
        if self._options:
            storage = pa_fs.PyFileSystem(DeltaStorageHandler(self._uri, dict(self._options)))
            # Buffered whole: a plain write hands delta-rs Arrow's buffer, and it takes bytes alone.
            with storage.open_output_stream(path) as sink, pa.BufferedOutputStream(sink, len(content) + 1) as buffered:
                buffered.write(content)
        else:
            whole = Path(self._uri, path)
            part = whole.with_name(f".{whole.name}.part")
            part.write_bytes(content)
            part.replace(whole)


def _metadata(table: DeltaTable) -> dict[str, Any]:
    metadata = table.metadata()
    named = {"name": metadata.name, "description": metadata.description}
    return {
        "id": metadata.id,
        **{key: value for key, value in named.items() if value is not None},
        "format": {"provider": "parquet", "options": {}},
        "schemaString": table.schema().to_json(),
        "partitionColumns": metadata.partition_columns,
        "configuration": metadata.configuration,
        "createdTime": metadata.created_time,
    }


def _protocol(table: DeltaTable) -> dict[str, Any]:
    protocol = table.protocol()
    features = {"readerFeatures": protocol.reader_features, "writerFeatures": protocol.writer_features}
    return {
        "minReaderVersion": protocol.min_reader_version,
        "minWriterVersion": protocol.min_writer_version,
        **{key: sorted(value) for key, value in features.items() if value is not None},
    }

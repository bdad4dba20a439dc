"""Version checksum files of Delta tables (`VERSION.crc`, an optional part of Delta's protocol).

A Spark reader takes the protocol and the schema of a new version from its checksum; without one it runs a Spark job
over the log for each version of each table that it follows, 0.3 s each on two cores. delta-rs writes no checksums, so
append.py writes them after its commits.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from streaming.files import Files

log = logging.getLogger(__name__)


class Checksums:
    """Writes the checksums of one writer's commits to one table.

    It keeps the table's totals from one commit to the next, so that the cost does not grow with the table.
    """

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder
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
            path = f"{self._folder}/_delta_log/{self._version:020d}.crc"
            self._files.write(path, json.dumps(self._described(table)).encode())
        except Exception as error:  # optional in Delta, and the rows are committed
            log.warning("no checksum for version %d of %s: %s", self._version, self._folder, error)

    def _described(self, table: DeltaTable) -> dict[str, Any]:
        files, size = self._totals
        counts = {"tableSizeBytes": size, "numFiles": files, "numMetadata": 1, "numProtocol": 1}
        return {**counts, "metadata": _metadata(table), "protocol": _protocol(table)}


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

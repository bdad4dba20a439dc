"""More rows than fit into memory on their way from one Delta table into one commit of another."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa


@contextmanager
def spilled(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatchReader]:
    """The batches once more, from a temporary file: delta-rs must not be called while it pulls the rows of a commit."""
    with tempfile.NamedTemporaryFile(prefix="moodstream-", suffix=".arrow") as file:
        with pa.ipc.new_stream(file.name, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        with pa.memory_map(file.name) as source:
            yield pa.ipc.open_stream(source)

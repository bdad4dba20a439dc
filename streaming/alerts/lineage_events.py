"""What a finished batch is in OpenLineage: two run events, with data sets named as its naming rules say.

A job is a hop, `STREAM.HOP` in the namespace `moodstream`; a run is a micro-batch, and a replay of it is the same run.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState, set_producer
from openlineage.client.generated.base import InputDatasetFacet, RunFacet
from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet
from openlineage.client.generated.error_message_run import ErrorMessageRunFacet
from openlineage.client.generated.input_statistics_input_dataset import InputStatisticsInputDatasetFacet
from openlineage.client.generated.job_type_job import JobTypeJobFacet

from streaming.batch_record import BatchRecord
from streaming.failures import one_line
from streaming.files import S3, location
from streaming.settings import Settings

NAMESPACE = "moodstream"
PRODUCER = "urn:moodstream:streaming"
set_producer(PRODUCER)
RUNS = uuid.uuid5(uuid.NAMESPACE_URL, PRODUCER)
PORTS = {"postgresql": 5432, "redshift": 5439}
DELTA, KINESIS = "DeltaSource[", "Kinesis"

# A data set by its namespace and name.
Name = tuple[str, str]


class Finished(NamedTuple):
    """A batch that has ended: what it noted, the error that ended it, and for a query's batch Spark's report."""

    record: BatchRecord
    failure: BaseException | None
    progress: Mapping[str, Any] | None = None


class Read(NamedTuple):
    """What a batch read of a table: up to which version, and how many rows; None where that is not known."""

    version: int | None
    rows: int | None = None


def events(settings: Settings, finished: Finished) -> Iterator[RunEvent]:
    """The START of a batch, then its COMPLETE or FAIL with everything that it read and wrote."""
    record, failure, progress = finished
    kind = JobTypeJobFacet(processingType="STREAMING", integration="MOODSTREAM", jobType="HOP")
    job = Job(NAMESPACE, f"{settings.stream}.{record.hop}", {"jobType": kind})
    run = _run_id(record)
    yield RunEvent(
        eventType=RunState.START, eventTime=record.began.isoformat(), run=Run(run), job=job, inputs=[], outputs=[]
    )
    yield RunEvent(
        eventType=RunState.FAIL if failure else RunState.COMPLETE,
        eventTime=_ended(record, progress).isoformat(),
        run=Run(run, _run_facets(settings, record, failure)),
        job=job,
        inputs=[_input(settings, table, read) for table, read in _reads(settings, record, progress).items()],
        outputs=[_output(settings, table, version) for table, version in record.writes.items()],
    )


def data_set(settings: Settings, table: str) -> Name:
    """Namespace and name of a table of the lake or of the warehouse, or of the stream."""
    if table == settings.stream:
        return f"kinesis://{settings.region}", table
    if table.startswith("dw."):
        return _in_the_warehouse(settings, table)
    place = location(settings.table(table))
    if place.startswith(S3):
        bucket, _, key = place.removeprefix(S3).partition("/")
        return f"s3://{bucket}", key
    return "file", str(Path(place).absolute())


def _in_the_warehouse(settings: Settings, table: str) -> Name:
    url = urlsplit(settings.warehouse or "")
    port = url.port or PORTS.get(url.scheme, 0)
    name = f"{url.path.strip('/')}.{table}"
    if url.scheme == "redshift":
        return f"redshift://{url.hostname}.{settings.region}:{port}", name
    return f"postgres://{url.hostname}:{port}", name


def _run_id(record: BatchRecord) -> str:
    if record.query is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(RUNS, f"{record.query}/{record.batch}"))


def _ended(record: BatchRecord, progress: Mapping[str, Any] | None) -> datetime:
    if progress is None:
        return datetime.now(UTC)
    began = datetime.fromisoformat(progress["timestamp"])
    took = (progress.get("durationMs") or {}).get("triggerExecution", 0)
    # The trigger began before the sink was called.
    return max(record.began, began + timedelta(milliseconds=took))


def _run_facets(settings: Settings, record: BatchRecord, failure: BaseException | None) -> dict[str, RunFacet]:
    facets: dict[str, RunFacet] = {}
    if record.model_version is not None:
        # A facet of our own: the registered model whose version scored the texts of the batch.
        model = {"name": settings.model_name, "version": record.model_version}
        facets["moodstream_model"] = cast(RunFacet, RunFacet().with_additional_properties(**model))
    if failure is not None:
        facets["errorMessage"] = ErrorMessageRunFacet(message=one_line(failure), programmingLanguage="PYTHON")
    return facets


def _reads(settings: Settings, record: BatchRecord, progress: Mapping[str, Any] | None) -> dict[str, Read]:
    """What the batch read: as it noted, and for a query's batch as Spark reports its sources."""
    reads = {table: Read(version) for table, version in record.reads.items()}
    sources = (progress or {}).get("sources") or ()
    counted = any(source.get("numInputRows") for source in sources)
    for source in sources:
        table, rows = _source(settings, source["description"]), source.get("numInputRows")
        if table and (rows if counted else source.get("startOffset") != source.get("endOffset")):
            reads[table] = Read(_version(source.get("endOffset")), rows or None)
    return reads


def _source(settings: Settings, description: str) -> str | None:
    """The table, or the stream, that one of Spark's sources reads; None for another source."""
    if description.startswith(DELTA):
        return "/".join(description.removeprefix(DELTA).rstrip("]/").split("/")[-2:])
    return settings.stream if KINESIS in description else None


def _version(offset: Any) -> int | None:
    """The newest Delta version that a batch read some of, from the offset at which it ended."""
    if not isinstance(offset, Mapping) or "reservoirVersion" not in offset:
        return None
    # A negative index: the batch ended before the first file of that version.
    version = int(offset["reservoirVersion"]) - (int(offset.get("index", 0)) < 0)
    return max(0, version)


def _input(settings: Settings, table: str, read: Read) -> InputDataset:
    statistics: dict[str, InputDatasetFacet] = {}
    if read.rows is not None:
        statistics["inputStatistics"] = InputStatisticsInputDatasetFacet(rowCount=read.rows)
    return InputDataset(*data_set(settings, table), facets=_versioned(read.version), inputFacets=statistics)


def _output(settings: Settings, table: str, version: int | None) -> OutputDataset:
    return OutputDataset(*data_set(settings, table), facets=_versioned(version))


def _versioned(version: int | None) -> dict[str, Any]:
    return {} if version is None else {"version": DatasetVersionDatasetFacet(datasetVersion=str(version))}

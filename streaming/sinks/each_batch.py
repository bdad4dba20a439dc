"""Names a micro-batch wherever somebody looks for it: in the Spark UI, in the log and in the lineage."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame

from streaming import batch_record, logs

Write = Callable[[DataFrame, int], None]


def named(hop: str, does: str, write: Write) -> Write:
    """Wrap what `foreachBatch` calls, so that the batch's Spark jobs are called `refine, batch 12: bronze to silver`.

    `does`: what a batch does, `bronze to silver` say. The job group stays Spark's own, with which Spark stops a query.
    """

    def write_named(rows: DataFrame, batch: int) -> None:
        context = rows.sparkSession.sparkContext
        context.setJobDescription(f"{hop}, batch {batch}: {does}")
        query = context.getLocalProperty("sql.streaming.queryId") or ""
        with logs.within(hop=hop, query=query, batch=batch), batch_record.recorded(hop, query, batch):
            write(rows, batch)

    return write_named

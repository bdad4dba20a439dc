"""Silver written as Delta's documentation has it, for comparison: exactly once by `txnAppId` and `txnVersion`.

Run as `python -m deploy.local.bench.naive ...` it is the streaming job with that sink, its tables one after the other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from unittest import mock

from pyspark.sql import DataFrame

from streaming import cli
from streaming.hops import refine
from streaming.sinks.delta import ReplaySafeAppend
from streaming.sinks.silver import Silver


class TransactionAppend(ReplaySafeAppend):
    """Has Delta ask the table at every commit whether it holds the batch already."""

    def write(self, rows: DataFrame, batch: int) -> bool:
        """Append `rows` unless they are there; always True, as Delta does not tell."""
        append = rows.write.format("delta").mode("append").option("mergeSchema", "true")
        append = append.option("txnAppId", f"{self._query}/{self._name}").option("txnVersion", batch)
        append.save(self._settings.table(self._name))
        return True


class TransactionSilver(Silver):
    """The job's sink, side by side, with the look-up at every append."""

    def _append_to(self, name: str) -> ReplaySafeAppend:
        if name not in self._appends:
            query = self._spark.sparkContext.getLocalProperty("sql.streaming.queryId") or ""
            self._appends[name] = TransactionAppend(self._settings, name, query)
        return self._appends[name]


class NaiveSilver(TransactionSilver):
    """The same, one table after the other."""

    def __call__(self, events: DataFrame, batch: int) -> None:
        """Score `events` and append them; what `foreachBatch` calls."""
        scored, counts = self._computed(events, batch)
        try:
            for entity, rows in counts.items():
                self._write(scored, batch, entity, rows)
        finally:
            scored.unpersist()


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the streaming job with the naive sink."""
    with mock.patch.object(refine, "Silver", NaiveSilver):  # the hop knows nothing of measurements
        return cli.main(argv, environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

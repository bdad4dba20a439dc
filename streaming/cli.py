"""`moodstream stream`, `python -m streaming`: runs the job until SIGTERM or SIGINT, here or in Spark's JVM."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence

from streaming import jvm_shutdown, logs, metrics, session
from streaming.delta import append
from streaming.hop_states import HopStates
from streaming.lease.job import owned
from streaming.long_lived import LongLived
from streaming.settings import Settings, from_command_line
from streaming.short_logs import ShortLogs
from streaming.status import StatusFile
from streaming.supervised import Start, Supervised
from streaming.supervisor import Job, hop_starts
from streaming.tables import catalog
from streaming.tables.columns import PARTITIONS


def main(argv: Sequence[str], environ: Mapping[str, str], instead: Mapping[str, Start] | None = None) -> int:
    """Run the job; returns 0 once it has stopped as asked. Raises StreamingError, among them PermanentFailure, and
    LeaseHeld if another job owns the lake.

    `instead`: start functions to use in place of those of hops, by hop.
    """
    settings = from_command_line(argv, environ)
    logs.configure(settings.log_format)
    session.spare_threads(settings)
    with owned(settings) as settings_with_token:
        _run(settings_with_token, instead)
    return 0


def create_tables(settings: Settings) -> None:
    """Create the append tables that do not exist yet: a hop can read a table before its first row is written.

    The keyed tables are created by the hops that merge into them.
    """
    for name, schema in catalog.APPENDED.items():
        append.create(settings, name, schema, PARTITIONS)


def _run(settings: Settings, instead: Mapping[str, Start] | None) -> None:
    long_lived = LongLived()
    starts = hop_starts(settings, instead)
    # Spark and the tables may take a minute on a busy machine or on S3: the status says so instead of nothing.
    StatusFile(settings.status_file).write(
        {name: Supervised(name, each, "starting").status() for name, each in starts.items()}
    )
    spark = session.start(settings)
    create_tables(settings)
    measuring = metrics.listen(spark, settings)
    job = Job(
        spark, settings, starts, session.wall_clock(spark), [HopStates(measuring), long_lived, ShortLogs(settings)]
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: job.stop())
    with jvm_shutdown.stopping(spark, job.stop):
        try:
            job.run()
        finally:
            measuring.close()
            spark.stop()

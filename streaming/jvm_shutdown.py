"""Ends the job between two batches when Spark's JVM, and not this process, is asked to end.

EMR Serverless and YARN end a run by SIGTERM to the driver's JVM, of which Python is a child that hears nothing. Without
this, Spark's own shutdown hook stops the context in the middle of batches. Nothing would be lost, but all of them would
be replayed at the next start, and hops would fail against a JVM that is gone.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.java_gateway import ensure_callback_server_started
from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

# Hadoop runs the hooks with the highest priority first. Spark's has 40, file systems are closed at 10.
BEFORE_SPARK = 100
# Less than the grace period with which `deploy --stop` cancels a run (300 s): Spark ends after this hook.
WITHIN_S = 240


class _Hook:
    """A java.lang.Runnable. py4j calls `run` on a thread of its own; the JVM goes on with its end when it returns."""

    class Java:
        implements = ("java.lang.Runnable",)

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self.asked = False
        self.ended = threading.Event()

    def run(self) -> None:
        """Ask the job to end, and wait until it has."""
        self.asked = True
        log.info("the JVM is asked to end: the job stops between batches")
        self._stop()
        self.ended.wait(WITHIN_S)


@contextlib.contextmanager
def stopping(spark: SparkSession, stop: Callable[[], None]) -> Iterator[None]:
    """While the block runs, call `stop` when the JVM is asked to end, which then waits for the end of the block.

    The block should end with `spark.stop()`. `stop` is called on another thread.
    """
    ensure_callback_server_started(SparkContext._gateway)  # type: ignore[no-untyped-call]
    hook = _Hook(stop)
    jvm = spark._jvm
    # Hadoop keeps hooks in a set: a Java thread has a hash of its own, for a bare proxy Java would ask Python.
    thread = jvm.java.lang.Thread(hook)  # type: ignore[union-attr]
    hooks = jvm.org.apache.hadoop.util.ShutdownHookManager.get()  # type: ignore[union-attr]
    seconds = jvm.java.util.concurrent.TimeUnit.SECONDS  # type: ignore[union-attr]
    hooks.addShutdownHook(thread, BEFORE_SPARK, WITHIN_S, seconds)
    try:
        yield
    finally:
        if not hook.asked:
            # Left there, the hook would call a Python that has gone. Hadoop refuses if the JVM begins to end just now.
            with contextlib.suppress(Py4JError):
                hooks.removeShutdownHook(thread)
        hook.ended.set()  # from here on the JVM may be gone: nothing may be asked of it

"""The line of an error that an operator sees."""

from __future__ import annotations

import pytest

from streaming.errors import CheckpointVersionError
from streaming.failures import is_permanent, one_line

STACK = "\tat org.apache.spark.sql.execution.streaming.StreamExecution.run(StreamExecution.scala:231)"
PROXY = (
    "[STREAM_FAILED] Query [id = 1, runId = 2] terminated with exception: An exception was raised by the Python Proxy."
)
TASK = (
    "Job aborted due to stage failure: Task 0 in stage 7.0 failed 1 times, most recent failure: "
    "Lost task 0.0 in stage 7.0 (TID 9) (127.0.0.1 executor driver): "
)


def told(*lines: str) -> str:
    return one_line(RuntimeError("\n".join(lines))).removeprefix("RuntimeError: ")


def test_of_a_python_traceback_the_last_line_is_told() -> None:
    trace = ("Traceback (most recent call last):", '  File "x.py", line 3, in call', "    call()")
    assert told(PROXY, *trace, "ValueError: no schema", STACK) == "ValueError: no schema"
    assert (
        told(
            PROXY,
            *trace,
            "KeyError: 'champion'",
            "During handling of the above exception, another exception occurred:",
            *trace,
            "streaming.errors.SinkUnavailable: the registry does not answer",
            STACK,
        )
        == "streaming.errors.SinkUnavailable: the registry does not answer"
    )


def test_an_error_of_delta_rs_is_told_with_its_causes_and_not_what_spark_says_of_the_query() -> None:
    arrow = "\x1b[31m\u21b3\x1b[0m"
    error = (
        "OSError: Generic S3 error",
        f"          {arrow} Error performing PUT http://s3/lake/gold/_delta_log/5.json in 82ms",
        f"            {arrow} 400 Bad Request",
    )
    trace = ("Traceback (most recent call last):", '  File "x.py", line 3, in call', "    call()")
    query = ("=== Streaming Query ===", "Identifier: aggregate [id = 1, runId = 2]", "Current State: ACTIVE")
    wanted = (
        "OSError: Generic S3 error: Error performing PUT http://s3/lake/gold/_delta_log/5.json in 82ms: 400 Bad Request"
    )
    assert told(PROXY, *trace, *error, *query) == wanted


def test_a_full_disk_is_told_whatever_wraps_it() -> None:
    full = "java.io.IOException: No space left on device"
    wrapped = ("Traceback (most recent call last):", "  call()", "py4j.protocol.Py4JJavaError: An error occurred while")
    assert told(PROXY, *wrapped, ": org.apache.spark.SparkException: Job aborted", STACK, f"Caused by: {full}") == full
    in_worker = f"{TASK}org.apache.spark.api.python.PythonException: Traceback (most recent call last):"
    system = "OSError: [Errno 28] No space left on device"
    assert told(in_worker, '  File "worker.py", line 1', system, "", STACK, "Caused by: java.io.EOFException") == system


def test_a_call_into_java_is_told_by_its_deepest_cause() -> None:
    lines = (
        PROXY + " Return Message: Traceback (most recent call last):",
        '  File "protocol.py", line 327, in get_return_value',
        "py4j.protocol.Py4JJavaError: An error occurred while calling o2304.getResult.",
        ": org.apache.spark.SparkException: Exception thrown in awaitResult: ",
        STACK,
        "Caused by: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 failed",
        "Caused by: java.io.FileNotFoundException: File part-0.parquet does not exist",
    )
    assert told(*lines) == "java.io.FileNotFoundException: File part-0.parquet does not exist"


def test_without_a_traceback_the_first_line_that_is_no_wrapper_is_told() -> None:
    assert told("refused", "by the server") == "refused"
    assert told(f"{TASK}java.lang.IllegalStateException: shard ended", STACK) == (
        "java.lang.IllegalStateException: shard ended"
    )
    assert told("Query [id = 1] terminated with exception: the table was dropped") == "the table was dropped"
    assert told("") == "no message"


@pytest.mark.parametrize("name", ["PermanentFailure", "CheckpointVersionError"])
def test_an_error_that_crossed_the_jvm_is_permanent_by_its_name(name: str) -> None:
    assert is_permanent(RuntimeError(f"...\nstreaming.errors.{name}: too new\n..."))
    assert not is_permanent(RuntimeError("streaming.errors.SinkUnavailable: down"))
    assert is_permanent(CheckpointVersionError("too new"))


def test_two_queries_on_one_checkpoint_are_permanent() -> None:
    assert is_permanent(RuntimeError("[CONCURRENT_STREAM_LOG_UPDATE] Concurrent update to the log. Multiple jobs"))

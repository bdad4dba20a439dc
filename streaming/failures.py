"""What the supervisor reads in an error: whether a restart can help, and the one line that tells what happened.

Errors inside a query cross from Python to the JVM and back, some of them twice. What arrives is one text: the layers'
own messages, a Python traceback for each crossing and Java's stack with its `Caused by:` lines.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Iterator

import pyarrow as pa

from streaming.errors import ModelUnusable, PermanentFailure, RowsRefused

MAX_LENGTH = 500
# The machine lacks something: nothing else in the same text says more. Each wrapper would hide it.
EXHAUSTED = ("No space left on device", "Disk quota exceeded", "Too many open files", "OutOfMemoryError")
# Spark found the files of another query in the checkpoint. Two queries on one checkpoint lose and double rows.
TWO_QUERIES = "CONCURRENT_STREAM_LOG_UPDATE"
# What Python, Arrow and our own row code raise where a value is not as expected. An outage raises an OSError, or an
# error of a client library.
ABOUT_DATA: tuple[type[Exception], ...] = (
    *(ValueError, TypeError, LookupError, ArithmeticError, AttributeError, NotImplementedError, RecursionError),
    *(RowsRefused, ModelUnusable),
)
# `package.SomeError: message`, as Python ends a traceback and as Java begins a cause.
_NAMED = re.compile(r"(?:[\w$]+\.)*[A-Z][\w$]*: *\S")
# Lines that only say that something below them failed.
_WRAPPERS = re.compile(
    r"An error occurred while calling|An exception was raised by the Python Proxy|Traceback \(most recent call last\)"
    r"|Job aborted|Exception thrown in awaitResult|Writing job aborted|TASK_WRITE_FAILED|Task failed while writing rows"
    r"|^(?:[\w$]+\.)*(?:Spark|Python)Exception: *$"
)
# delta-rs writes each cause of an error on a line of its own, with an arrow in colour before it.
_CAUSE_OF_DELTA_RS = re.compile(r"\n\s*(?:\x1b\[\d*m)*\u21b3(?:\x1b\[\d*m)*\s*")
# Below this line Spark describes the query, in lines that look like errors.
_ABOUT_THE_QUERY = "=== Streaming Query ==="
_LOST_TASK = re.compile(r"Lost task [^:]*\([^)]*\): (.*)")
_TERMINATED = re.compile(r"terminated with exception: (.*)")


def is_permanent(failure: BaseException | None) -> bool:
    """Whether a restart would be in vain. Python errors inside a query reach us only as text."""
    signs = (TWO_QUERIES, *(f"{kind.__name__}:" for kind in _with_subclasses(PermanentFailure)))
    return isinstance(failure, PermanentFailure) or any(sign in str(failure) for sign in signs)


def is_about_data(failure: BaseException) -> bool:
    """Whether single rows may be at fault, not an outage: by the error's class, or by the class that its text names."""
    if isinstance(failure, ABOUT_DATA):
        return not isinstance(failure, OSError)
    lines = _lines(failure)
    last = None if _exhausted(lines) else _last_of_python(lines)
    name = (last or "").partition(":")[0].rpartition(".")[2]
    ours = {kind.__name__: kind for kind in (RowsRefused, ModelUnusable)}
    kind = ours.get(name) or getattr(builtins, name, None) or getattr(pa.lib, name, None)
    return isinstance(kind, type) and issubclass(kind, ABOUT_DATA) and not issubclass(kind, OSError)


def one_line(failure: BaseException) -> str:
    """The line of an error that tells what happened, after the error's class; at most MAX_LENGTH characters.

    In this order: a resource that ran out; the last error of a Python traceback; the deepest `Caused by:` of Java; the
    first line. Lines that only wrap another error are passed over.
    """
    lines = _lines(failure)
    line = _exhausted(lines) or _last_of_python(lines) or _deepest_cause(lines) or _first(lines)
    return f"{type(failure).__name__}: {line}"[:MAX_LENGTH]


def _lines(failure: BaseException) -> list[str]:
    text = _CAUSE_OF_DELTA_RS.sub(": ", str(failure).partition(_ABOUT_THE_QUERY)[0])
    return [line for line in text.splitlines() if line.strip()]


def _exhausted(lines: list[str]) -> str | None:
    found = [line for line in lines if any(sign in line for sign in EXHAUSTED)]
    return _inner(found[-1]) if found else None


def _last_of_python(lines: list[str]) -> str | None:
    """The last line that ends a Python traceback: not indented, unlike its frames and those of Java."""
    inside, found = False, None
    for line in lines:
        if "Traceback (most recent call last)" in line or line.rstrip().endswith("Traceback:"):
            inside = True
        elif inside and line.startswith(("\tat ", "Caused by:")):
            inside = False
        elif inside and not line[0].isspace() and _tells(line):
            found = line
    return found.strip() if found else None


def _deepest_cause(lines: list[str]) -> str | None:
    causes = [line.strip().removeprefix("Caused by: ") for line in lines if line.strip().startswith("Caused by: ")]
    return _last(_inner(cause) for cause in causes if _tells(_inner(cause)))


def _first(lines: list[str]) -> str:
    telling = [inner for line in lines if not _WRAPPERS.search(inner := _inner(line))]
    return (telling or [line.strip() for line in lines] or ["no message"])[0]


def _inner(line: str) -> str:
    """The line without what Spark puts before the error of a task or of a query."""
    line = line.strip().removeprefix("Caused by: ")
    for wrapped in (_TERMINATED, _LOST_TASK):
        if (found := wrapped.search(line)) and found[1].strip():
            line = found[1].strip()
    return line


def _tells(line: str) -> bool:
    return bool(_NAMED.match(line)) and not _WRAPPERS.search(line)


def _last(lines: Iterable[str]) -> str | None:
    return next(reversed(list(lines)), None)


def _with_subclasses(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _with_subclasses(below)

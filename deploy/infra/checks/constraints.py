"""Validates a request against botocore's shape of it, with the limits that botocore's own validator leaves out.

botocore checks types and required members; minimum, maximum, enum and pattern are in its data too, and only the service
enforces them. CloudFormation hands numbers and booleans on as strings at times; both forms pass.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

NUMBERS = {"integer", "long", "float", "double"}
# Java's names of character classes, in Python's words.
CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\p{M}": r"\w", r"\p{LD}": r"\w", r"\p{P}": r"\W"}


def problems(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """What the service would refuse in `value`, one sentence each, with the path to the member."""
    kind = shape.type_name
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        yield from _structure(value, shape, path)
    elif kind == "list":
        yield from _list(value, shape, path)
    elif kind == "map":
        yield from _map(value, shape, path)
    elif kind == "string":
        yield from _string(value, shape, path)
    elif kind in NUMBERS:
        yield from _number(value, shape, path)
    elif kind == "boolean" and str(value).lower() not in ("true", "false"):
        yield f"{path}: received {value!r}, expected a boolean"


def _structure(value: Any, shape: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: received {value!r}, expected a structure"
        return
    for name in shape.required_members:
        if name not in value:
            yield f"{path}.{name}: is missing, the service requires it"
    for name, part in value.items():
        if name in shape.members:
            yield from problems(part, shape.members[name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: the service knows no such member"


def _list(value: Any, shape: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: received {value!r}, expected a list"
        return
    yield from _size(len(value), shape, path, " entries")
    for index, part in enumerate(value):
        yield from problems(part, shape.member, f"{path}[{index}]")


def _map(value: Any, shape: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: received {value!r}, expected a map"
        return
    yield from _size(len(value), shape, path, " entries")
    for key, part in value.items():
        yield from problems(key, shape.key, f"{path} (key {key})")
        yield from problems(part, shape.value, f"{path}.{key}")


def _string(value: Any, shape: Any, path: str) -> Iterator[str]:
    if isinstance(value, (dict, list)):
        yield f"{path}: received {value!r}, expected a string"
        return
    text = str(value)
    yield from _size(len(text), shape, path, " characters")
    allowed = shape.metadata.get("enum")
    if allowed and text not in allowed:
        yield f"{path}: received '{text}', expected one of {', '.join(allowed)}"
    pattern = compiled(shape.metadata.get("pattern", ""))
    if pattern and not pattern.fullmatch(text):
        yield f"{path}: received '{text}', expected the pattern {shape.metadata['pattern']}"


def _number(value: Any, shape: Any, path: str) -> Iterator[str]:
    try:
        number = float(value)
    except (TypeError, ValueError):
        yield f"{path}: received {value!r}, expected a number"
        return
    yield from _size(number, shape, path, "")


def _size(size: float, shape: Any, path: str, unit: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{path}: received {size:g}{unit}, expected at least {least}"
    if most is not None and size > most:
        yield f"{path}: received {size:g}{unit}, expected at most {most}"


@cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """The service's pattern for Python; None if there is none, or if it uses what only Java's expressions have."""
    for java, python in CLASSES.items():
        pattern = pattern.replace(java, python)
    if not pattern or "&&[" in pattern or r"\p{" in pattern:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return re.compile(pattern, re.DOTALL)
        except re.error:
            return None

"""KPL-aggregated records: several user records in one Kinesis record.

Form (Amazon's `aggregation-format.md`): 4 magic bytes, a protocol buffer with a table of partition
keys (1), a table of explicit hash keys (2) and records (3: key index 1, hash index 2, data 3), then
the MD5 of that buffer. Written here rather than taken from the `aws_kinesis_agg` package because the
core is standard library only, and because the reference validator must not share code with the streaming job.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST = 16
VARINT, DELIMITED, START_GROUP, END_GROUP = 0, 2, 3, 4  # wire types
FIXED = {1: 8, 5: 4}  # bytes, by wire type


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def aggregate(records: Sequence[tuple[str, bytes]]) -> bytes:
    """Pack (partition key, data) pairs into one record."""
    keys = list(dict.fromkeys(key for key, _ in records))
    index = {key: number for number, key in enumerate(keys)}
    body = b"".join(_field(1, key.encode()) for key in keys)
    for key, data in records:
        body += _field(3, b"\x08" + _varint(index[key]) + _field(3, data))
    return MAGIC + body + hashlib.md5(body, usedforsecurity=False).digest()


def _read_varint(data: bytes, at: int, longest: int = 10) -> tuple[int, int]:
    """The number at a place, of at most `longest` bytes, and where it ends."""
    value = 0
    for place in range(longest):
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("varint too long")


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (field number, content) of the length-delimited fields; skip numbers and groups, as protocol buffers do."""
    at = 0
    groups: list[int] = []
    while at < len(data):
        tag, at = _read_varint(data, at, longest=5)
        number, wire_type = tag >> 3, tag & 7
        if number == 0 or tag >> 32:
            raise ValueError("no field has this number")
        if wire_type == START_GROUP:
            groups.append(number)
        elif wire_type == END_GROUP:
            if not groups or groups.pop() != number:
                raise ValueError("a group ends that did not begin")
        else:
            start, at = _skipped(data, at, wire_type)
            if wire_type == DELIMITED and not groups:
                yield number, data[start:at]
    if groups:
        raise ValueError("a group does not end")


def _skipped(data: bytes, at: int, wire_type: int) -> tuple[int, int]:
    """Where the content of a field begins and ends."""
    if wire_type == VARINT:
        return at, _read_varint(data, at)[1]
    if wire_type == DELIMITED:
        length, at = _read_varint(data, at, longest=5)
    elif wire_type in FIXED:
        length = FIXED[wire_type]
    else:
        raise ValueError("unknown wire type")
    if at + length > len(data):
        raise ValueError("truncated")
    return at, at + length


def disaggregate(data: bytes) -> list[bytes] | None:
    """Return the user records' data in order, or None for a record that is not aggregated."""
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + DIGEST:
        return None
    body = data[len(MAGIC) : -DIGEST]
    if hashlib.md5(body, usedforsecurity=False).digest() != data[-DIGEST:]:
        return None
    try:
        packed = [content for number, content in _fields(body) if number == 3]
        # Of a field that comes several times, the last counts.
        return [dict(_fields(record)).get(3, b"") for record in packed]
    except (ValueError, IndexError):
        return None

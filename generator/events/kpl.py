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


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("varint too long")


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (field number, content) of the length-delimited fields; skip numbers."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        if tag & 7 == 0:
            _, at = _read_varint(data, at)
            continue
        if tag & 7 != 2:
            raise ValueError("unexpected wire type")
        length, at = _read_varint(data, at)
        if at + length > len(data):
            raise ValueError("truncated")
        yield tag >> 3, data[at : at + length]
        at += length


def disaggregate(data: bytes) -> list[bytes] | None:
    """Return the user records' data in order, or None for a record that is not aggregated."""
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + DIGEST:
        return None
    body = data[len(MAGIC) : -DIGEST]
    if hashlib.md5(body, usedforsecurity=False).digest() != data[-DIGEST:]:
        return None
    try:
        packed = [content for number, content in _fields(body) if number == 3]
        return [next((d for n, d in _fields(record) if n == 3), b"") for record in packed]
    except (ValueError, IndexError):
        return None

"""Kinesis Producer Library aggregates: several user records in one Kinesis record.

Format: four magic bytes, a protobuf `AggregatedRecord`, the MD5 of the protobuf
(https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md). The message is declared here
because the published Python package imports its generated code under a top-level name that belongs to another package.
"""

from __future__ import annotations

import hashlib
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_SIZE = 16

_Field = descriptor_pb2.FieldDescriptorProto


def _aggregated_record() -> Any:
    """The message class, with the only field that is needed: the data of the records. Others are skipped as unknown."""
    file = descriptor_pb2.FileDescriptorProto(name="moodstream/kpl.proto", package="moodstream.kpl", syntax="proto2")
    record = file.message_type.add(name="Record")
    record.field.add(name="data", number=3, type=_Field.TYPE_BYTES, label=_Field.LABEL_OPTIONAL)
    aggregate = file.message_type.add(name="AggregatedRecord")
    aggregate.field.add(
        name="records",
        number=3,
        type=_Field.TYPE_MESSAGE,
        type_name=".moodstream.kpl.Record",
        label=_Field.LABEL_REPEATED,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("moodstream.kpl.AggregatedRecord"))


_AggregatedRecord = _aggregated_record()


def user_records(data: bytes) -> list[bytes]:
    """The user records inside an aggregate; any other record, or a damaged aggregate, is returned unchanged."""
    if not data.startswith(MAGIC):
        return [data]
    body = data[len(MAGIC) : -DIGEST_SIZE]
    if hashlib.md5(body, usedforsecurity=False).digest() != data[-DIGEST_SIZE:]:
        return [data]
    aggregate = _AggregatedRecord()
    try:
        aggregate.ParseFromString(body)
    except DecodeError:
        return [data]
    return [record.data for record in aggregate.records] or [data]


def aggregate(records: list[bytes]) -> bytes:
    """A KPL aggregate of these user records, without their partition keys."""
    message = _AggregatedRecord()
    for data in records:
        message.records.add(data=data)
    body: bytes = message.SerializeToString()
    return MAGIC + body + hashlib.md5(body, usedforsecurity=False).digest()

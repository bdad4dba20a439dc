"""The page of the Delta tables: every table that a module of `streaming/tables` names, with docstring and columns."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Sequence
from types import ModuleType

import pyarrow as pa
from pyspark.sql.types import StructType

import streaming.tables
from docs.generate.markdown import table
from streaming.tables.columns import PARTITIONS
from streaming.tables.keyed_table import KeyedTable

LAYERS = ("bronze", "silver", "gold")
HEAD = """# Delta tables

Written by `make reference` from `streaming/tables`: the text of each table is its module's own. All tables lie in the
lake; timestamps are UTC with microseconds. The warehouse's tables have a [data dictionary](../data-dictionary.md).

"""


def page() -> str:
    """The page: the tables by layer, then one section each."""
    found = sorted(modules(), key=lambda module: (LAYERS.index(module.NAME.split("/")[0]), module.NAME))
    index = table(
        ("table", "kind", "key", "partitions"),
        (
            (f"[`{each.NAME}`](#{_anchor(each.NAME)})", _kind(each), _key(each), _names(partitions(each)))
            for each in found
        ),
    )
    return HEAD + index + "".join(_section(each) for each in found)


def modules() -> Iterator[ModuleType]:
    """The modules of `streaming/tables` that are each one table."""
    for found in pkgutil.iter_modules(streaming.tables.__path__):
        module = importlib.import_module(f"streaming.tables.{found.name}")
        if "/" in getattr(module, "NAME", "") and (hasattr(module, "TABLE") or hasattr(module, "SCHEMA")):
            yield module


def _section(module: ModuleType) -> str:
    listed = table(("column", "type"), columns(module))
    return f"\n## {module.NAME}\n\n{inspect.getdoc(module)}\n\n{listed}"


def _kind(module: ModuleType) -> str:
    return "keyed" if keyed(module) else "append"


def _key(module: ModuleType) -> str:
    table_of = keyed(module)
    return _names(table_of.key_names if table_of else _stated(module, "Key:"))


def partitions(module: ModuleType) -> tuple[str, ...]:
    """The columns that a table is partitioned by, outermost first."""
    table_of = keyed(module)
    return table_of.partitions if table_of else (*_stated(module, "Partitioned by"), *PARTITIONS)


def _stated(module: ModuleType, begin: str) -> Sequence[str]:
    """The columns that the docstring's sentence from `begin` on names; ValueError if it has no such sentence."""
    text = " ".join((inspect.getdoc(module) or "").split())
    if begin not in text:
        raise ValueError(f"the docstring of {module.__name__} lacks '{begin} ...'")
    return re.findall(r"`(\w+)`", re.split("[.;]", text.split(begin, 1)[1])[0])


def keyed(module: ModuleType) -> KeyedTable | None:
    """The keyed table that a module is, or None for an append table."""
    found = getattr(module, "TABLE", None)
    return found if isinstance(found, KeyedTable) else None


def columns(module: ModuleType) -> Iterator[tuple[str, str]]:
    """The name and the type of each column; the types as Spark and Delta name them."""
    table_of = keyed(module)
    schema: pa.Schema | StructType = table_of.schema if table_of else module.SCHEMA
    if isinstance(schema, StructType):
        yield from ((field.name, field.dataType.simpleString()) for field in schema)
    else:
        yield from ((field.name, _arrow(field.type)) for field in schema)


def _arrow(kind: pa.DataType) -> str:
    """An Arrow type by the name that Spark and Delta have for it."""
    if pa.types.is_list(kind):
        return f"array<{_arrow(kind.value_type)}>"
    names = {"int64": "bigint", "int32": "int"}
    return "timestamp" if pa.types.is_timestamp(kind) else names.get(str(kind), str(kind))


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _anchor(name: str) -> str:
    return name.replace("/", "")

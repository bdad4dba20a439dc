"""The form of a contract in the Open Data Contract Standard (ODCS), as YAML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

# The first version of the standard with variables and lists of allowed values.
STANDARD = "v3.2.0"
HEAD = "# Written by `make reference`; do not edit. The form: Open Data Contract Standard, https://bitol.io\n"
LINE = 120

Object = Mapping[str, Any]


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes a value again where it is used twice; YAML's references would send the reader elsewhere."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def document(
    name: str, version: str, description: Mapping[str, str], servers: Sequence[Object], objects: Iterable[Object]
) -> str:
    """A contract as a YAML file. `objects`: its tables or kinds of events."""
    contract = {
        "apiVersion": STANDARD,
        "kind": "DataContract",
        "id": f"moodstream-{name}",
        "name": f"Moodstream: {name}",
        "version": version,
        "status": "active",
        "domain": "social media",
        "description": dict(description),
        "servers": list(servers),
        "schema": list(objects),
    }
    text: str = yaml.dump(contract, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=LINE)
    return HEAD + text


def release() -> str:
    """The project's version, which is that of the tables' contracts."""
    project = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text())
    return str(project["project"]["version"])


def column(name: str, logical: str | None, physical: str, **more: Any) -> dict[str, Any]:
    """A property of ODCS; `more` holds its other fields, of which those that are empty are left out."""
    types = {"logicalType": logical, "physicalType": physical}
    return {"name": name, **{field: value for field, value in {**types, **more}.items() if value}}


def allowed(values: Iterable[str | int]) -> list[dict[str, str | int]]:
    """The list of a property's allowed values."""
    return [{"value": value} for value in values]

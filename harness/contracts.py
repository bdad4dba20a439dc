"""`python -m harness.contracts`: checks the data contracts with datacontract-cli, and a lake or events against them.

The lake's tables are first copied into a DuckDB database: reading Delta, DuckDB would fetch an extension from a server
of its own. Exit codes: 0 all is well, 1 something breaks a contract, 2 wrong use.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml
from deltalake.exceptions import TableNotFoundError

from moodstream import WRONG_USE
from streaming.delta.tables import open_table
from streaming.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "contracts"
DATACONTRACT = ROOT / ".cache" / "contracts" / "bin" / "datacontract"
LAYERS = ("silver", "gold")
VERSIONS = (1, 2)
SUFFIX = ".odcs.yaml"


def main(argv: Sequence[str]) -> int:
    """Check what the arguments name; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make contracts ARGS=...", description=__doc__)
    parser.add_argument("--lake", help="folder or s3a:// URL of a lake whose tables are checked")
    parser.add_argument("--events", type=Path, help="file with one event a line, which are checked by their version")
    options = parser.parse_args(argv)
    if not DATACONTRACT.exists():
        sys.stderr.write(f"there is no {DATACONTRACT}; run: make contracts\n")
        return WRONG_USE
    if options.events and not options.events.is_file():
        sys.stderr.write(f"--events: there is no file {options.events}\n")
        return WRONG_USE
    with tempfile.TemporaryDirectory(prefix="moodstream-contracts-") as scratch:
        return int(not all([*_form(), *_lake(options.lake, Path(scratch)), *_events(options.events, Path(scratch))]))


def _form() -> Iterator[bool]:
    for path in sorted(FOLDER.glob(f"*{SUFFIX}")):
        yield _datacontract("lint", path)


def _lake(lake: str | None, scratch: Path) -> Iterator[bool]:
    if not lake:
        return
    settings = Settings(lake=lake.rstrip("/"), checkpoints="", stream="")
    path = scratch / "lake.duckdb"
    there: dict[str, list[str]] = {}
    with duckdb.connect() as database:
        # The tool's DuckDB is older than the application's.
        database.sql(f"attach '{path}' as lake (storage_version 'v1.0.0')")
        for layer in LAYERS:
            there[layer] = [table for table in tables_of(layer) if export(settings, f"{layer}/{table}", database)]
    for layer, tables in there.items():
        yield check(layer, tables, "database", {"LAKE": str(path)}, scratch)
        for table in sorted({*tables_of(layer)} - {*tables}):
            sys.stdout.write(f"not checked: the lake has no table {layer}/{table} yet\n")


def _events(events: Path | None, scratch: Path) -> Iterator[bool]:
    if events:
        for version, kinds in split(events, scratch).items():
            yield check(f"events-{version}", kinds, "files", {"EVENTS": str(scratch / f"events-{version}")}, scratch)


def tables_of(contract: str) -> list[str]:
    """The names of what a contract describes: tables, or kinds of events."""
    return [each["name"] for each in _read(contract)["schema"]]


def export(settings: Settings, table: str, database: duckdb.DuckDBPyConnection) -> bool:
    """Copy a table of the lake into the attached database `lake`; returns False if the lake does not have it."""
    try:
        newest = open_table(settings, table)
    except TableNotFoundError:
        return False
    rows = pa.RecordBatchReader.from_stream(newest.scan())
    schema, _, name = table.partition("/")
    database.sql(f"create schema if not exists lake.{schema}")
    database.register("rows", rows)
    database.sql(f"create table lake.{schema}.{name} as from rows")
    database.unregister("rows")
    return True


def split(events: Path, folder: Path) -> Mapping[int, list[str]]:
    """Write the events to FOLDER/events-VERSION/KIND.json; returns the kinds by version of the contract.

    A newer version than the contracts know is checked by the newest. A line that is no event of a known kind goes to
    the kind `post`, whose check then names what is wrong with it.
    """
    lines: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for line in events.read_text().splitlines():
        version, kind = _sort(line)
        lines[version][kind].append(line)
    for version, kinds in lines.items():
        (folder / f"events-{version}").mkdir(parents=True, exist_ok=True)
        for kind, own in kinds.items():
            (folder / f"events-{version}" / f"{kind}.json").write_text("\n".join(own) + "\n")
    return {version: list(kinds) for version, kinds in lines.items()}


def _sort(line: str) -> tuple[int, str]:
    try:
        event = json.loads(line)
        version = min(max(int(event["schema_version"]), VERSIONS[0]), VERSIONS[-1])
        kind = str(event["event_type"])
    except (ValueError, TypeError, KeyError):
        return VERSIONS[-1], "post"
    return version, kind if kind in tables_of(f"events-{version}") else "post"


def check(contract: str, names: Sequence[str], server: str, environ: Mapping[str, str], scratch: Path) -> bool:
    """Whether the data of `names` on a server keep the contract; `environ`: the variables that the server needs."""
    document = _read(contract)
    document["schema"] = [each for each in document["schema"] if each["name"] in names]
    for field in (field for table in document["schema"] for field in table["properties"]):
        # The standard wants a logical type for bytes, and the tool wants none.
        if field["physicalType"] == "binary":
            del field["logicalType"], field["logicalTypeOptions"]
    path = scratch / f"{contract}{SUFFIX}"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return not names or _datacontract("test", path, "--server", server, environ=environ)


def _read(contract: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((FOLDER / f"{contract}{SUFFIX}").read_text())
    return document


def _datacontract(command: str, path: Path, *options: str, environ: Mapping[str, str] | None = None) -> bool:
    """Run the tool; prints its verdict without the list of every check."""
    done = subprocess.run(  # noqa: S603 - the program of our own environment
        [str(DATACONTRACT), command, str(path), *options],
        # In a pipe the tool would break each line after 80 characters.
        env={"COLUMNS": "200", "PATH": os.environ.get("PATH", ""), **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    verdict = [line for line in done.stdout.splitlines() if line[:1] not in "╭│├╰"] or [done.stderr]
    sys.stdout.write(f"{path.name.removesuffix(SUFFIX)}: " + "\n  ".join(verdict) + "\n")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

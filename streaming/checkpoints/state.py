"""What Spark's RocksDB state store keeps of a query: for `refine`, the ids of known events.

Version V of the state is that after batch V-1. Spark divides it into partitions, and keeps of each, in `state/0/P`,
some snapshots `V.zip`, and a `V.changelog` for what each version changed. To load a version it takes the newest
snapshot up to it, or nothing, and applies every changelog after that. A snapshot holds RocksDB's small files, and in
its file `metadata` the names and lengths of the large ones, which lie in `SSTs` and belong to several snapshots.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping

from streaming.checkpoints.offsets import Plan
from streaming.files import Files

OPERATOR = "state/0"  # refine has one stateful operator
PROVIDER = "spark.sql.streaming.stateStore.providerClass"
PARTITIONS = "spark.sql.shuffle.partitions"
CODEC = "spark.sql.streaming.stateStore.compression.codec"
METADATA = "metadata"
# A block of lz4-java begins with a magic word and a token, then its compressed length, its own length and a checksum as
# little-endian numbers.
MAGIC = b"LZ4Block"
HEADER = 21
# `logFiles` and `numKeys` may not be absent.
EMPTY = b'v1\n{"sstFiles":[],"logFiles":[],"numKeys":0}'


def partitions(plan: Plan) -> list[str]:
    """The partitions of the state, as paths below the checkpoint; none where another state store keeps it."""
    settings: Mapping[str, str] = json.loads(plan.header[1]).get("conf", {})
    known = settings.get(PROVIDER, "").endswith(".RocksDBStateStoreProvider") and settings.get(CODEC, "lz4") == "lz4"
    return [f"{OPERATOR}/{number}" for number in range(int(settings.get(PARTITIONS, 0)))] if known else []


class Partition:
    """The files of one partition; `folder` is its path."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder
        # Listed once; versions that a running query adds later are not asked for.
        self._sizes = {found.name: found.size for found in files.below(folder, recursive=True)}

    def wrong(self, version: int) -> str | None:
        """Why Spark cannot load this version, as a sentence; None if it can."""
        base = next(iter(self._snapshots(version)), 0)
        return next(self._faults(base, version), None)

    def sound_snapshot(self, version: int) -> int | None:
        """The newest snapshot (0: the empty state) from which Spark could load this version; None if there is none."""
        candidates = [*self._snapshots(version), 0]
        return next((base for base in candidates if next(self._faults(base, version), None) is None), None)

    def leave_out(self, after: int, version: int) -> None:
        """Remove the snapshots after `after`, so that Spark loads `version` from an older one."""
        for number in self._snapshots(version):
            if number > after:
                self._remove(f"{number}.zip")

    def forget(self, version: int) -> None:
        """Make this version of the state empty."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as snapshot:
            snapshot.writestr(METADATA, EMPTY)
        self._remove(f".{version}.zip.crc")
        self._files.write(f"{self._folder}/{version}.zip", content.getvalue())

    def _snapshots(self, version: int) -> list[int]:
        """The versions of the snapshots up to `version`, the newest first."""
        names = (name.removesuffix(".zip") for name in self._sizes if name.endswith(".zip"))
        return sorted((number for name in names if name.isdigit() and (number := int(name)) <= version), reverse=True)

    def _faults(self, base: int, version: int) -> Iterator[str]:
        """What Spark lacks to load `version` from the snapshot `base`."""
        if base:
            yield from self._faults_of_snapshot(f"{base}.zip")
        for number in range(base + 1, version + 1):
            name = f"{number}.changelog"
            if name not in self._sizes:
                yield f"{name} is missing"
            elif not _is_whole(self._files.read(f"{self._folder}/{name}") or b""):
                yield f"{name} is cut off"

    def _faults_of_snapshot(self, name: str) -> Iterator[str]:
        try:
            with zipfile.ZipFile(io.BytesIO(self._files.read(f"{self._folder}/{name}") or b"")) as snapshot:
                broken = snapshot.testzip()
                held = json.loads(snapshot.read(METADATA).partition(b"\n")[2])
        except (zipfile.BadZipFile, KeyError, ValueError):
            yield f"{name} is not a whole zip file"
            return
        if broken:
            yield f"{broken} in {name} is damaged"
        for each in held.get("sstFiles") or []:
            path, size = f"SSTs/{each['dfsSstFileName']}", int(each["sizeBytes"])
            if self._sizes.get(path) != size:
                yield f"{path} is missing or has not the {size:,} bytes that {name} names"

    def _remove(self, name: str) -> None:
        """Hadoop's checksum beside a local file goes first: it would not fit what takes the file's place."""
        self._files.remove(f"{self._folder}/.{name}.crc")
        self._files.remove(f"{self._folder}/{name}")
        self._sizes.pop(name, None)


def _is_whole(changelog: bytes) -> bool:
    """Whether its blocks follow each other without a gap to the empty one that ends it."""
    place = 0
    while changelog[place : place + len(MAGIC)] == MAGIC and len(changelog) >= place + HEADER:
        length = int.from_bytes(changelog[place + 9 : place + 13], "little")
        place += HEADER + length
        if length == 0:
            return place == len(changelog)
    return False

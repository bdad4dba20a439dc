"""Reads the fastText model of the package nade (MIT): which emoji 33 million posts carry, by their words.

Distant supervision: people wrote the emoji themselves, so it says much about sentiment, also of words that no labelled
text holds. The file is fastText's own format, version 12, quantised (https://github.com/facebookresearch/fastText,
`src/{fasttext,dictionary,densematrix,quantmatrix,productquantizer}.cc`): read here in numpy, since nothing but its
rows is needed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.errors import DataError, DataUnavailable
from model.runtime.subwords import BUCKETS, LONGEST, SHORTEST, Subwords

Floats = npt.NDArray[np.float32]

MAGIC, CENTROIDS = 793712314, 256
ARGUMENTS = (
    *("dim", "ws", "epoch", "minCount", "neg", "wordNgrams"),
    *("loss", "model", "bucket", "minn", "maxn", "lrUpdateRate"),
)


@dataclass(frozen=True)
class Nade:
    """`words` (w) with a row each, `hashes` (b,) of the n-grams that have one, and `vectors` (w + b, 90)."""

    words: tuple[str, ...]
    hashes: npt.NDArray[np.int32]
    vectors: Floats

    @property
    def subwords(self) -> Subwords:
        """Finds the rows of words."""
        return Subwords(self.words, self.hashes)


def load(path: Path) -> Nade:
    """Read the model; raises DataUnavailable if there is none, DataError if it is another kind of file."""
    if not path.is_file():
        raise DataUnavailable(
            f"the emoji model is not at {path}: run `python -m deploy.local.datasets` (make setup does), "
            "or train with --human-labels-only"
        )
    reader = _Reader(path.read_bytes())
    if reader.one("i") != MAGIC:
        raise DataError(f"{path} is not a fastText model")
    reader.one("i")
    arguments = dict(zip(ARGUMENTS, reader.many("12i"), strict=True))
    if (arguments["minn"], arguments["maxn"], arguments["bucket"]) != (SHORTEST, LONGEST, BUCKETS):
        raise DataError(f"{path} has other n-grams than expected: {arguments}")
    reader.one("d")
    entries, *_ = reader.many("3i")
    _, pruned = reader.many("2q")
    words = [word for word, is_label in (reader.entry() for _ in range(entries)) if not is_label]
    kept = np.array([reader.many("2i") for _ in range(pruned)], np.int32).reshape(-1, 2)
    if not reader.one("?"):
        raise DataError(f"{path} is not quantised")
    vectors = reader.quantised_matrix()
    order = np.argsort(kept[:, 0])
    rows = np.append(np.arange(len(words)), len(words) + kept[order, 1])
    return Nade(tuple(words), kept[order, 0], vectors[rows])


class _Reader:
    """Takes values off the front of a file's bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def many(self, layout: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{layout}", self._content, self._at)
        self._at += struct.calcsize(f"<{layout}")
        return found

    def one(self, layout: str) -> Any:
        return self.many(layout)[0]

    def array(self, kind: type, count: int) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = np.frombuffer(self._content, kind, count, self._at)
        self._at += found.nbytes
        return found

    def entry(self) -> tuple[str, bool]:
        """A word or label: its text up to a NUL, how often it occurred, which of both it is."""
        end = self._content.index(b"\0", self._at)
        text = self._content[self._at : end].decode("utf-8", "replace")
        self._at = end + 1
        _, kind = self.many("qb")
        return text, bool(kind)

    def quantised_matrix(self) -> Floats:
        normed = self.one("?")
        rows, _ = self.many("2q")
        codes = self.array(np.uint8, self.one("i"))
        matrix = self._decoded(codes, rows)
        if normed:
            norms = self.array(np.uint8, rows)
            matrix = matrix * self._decoded(norms, rows)
        return matrix

    def _decoded(self, codes: npt.NDArray[np.uint8], rows: int) -> Floats:
        """A product quantiser: each part of a row is one of 256 centroids."""
        width, parts, size, last = self.many("4i")
        centroids = self.array(np.float32, width * CENTROIDS)
        matrix = np.empty((rows, width), np.float32)
        by_part = codes.reshape(rows, parts)
        for part in range(parts):
            own = last if part == parts - 1 else size
            begin = part * CENTROIDS * size
            table = centroids[begin : begin + CENTROIDS * own].reshape(CENTROIDS, own)
            matrix[:, part * size : part * size + own] = table[by_part[:, part]]
        return matrix

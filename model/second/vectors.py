"""The vectors that an encoder gives to training texts, kept in a file: computing them is most of the work."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.runtime.onnx_texts import MODEL, OnnxTexts
from model.runtime.second import Second, pooled
from model.settings import Progress

REPORT_EVERY_S = 10.0


class Vectors:
    """Vectors by text, in a file that is named after the encoder's bytes and how it is asked."""

    def __init__(self, cache: Path, folder: Path, second: Second) -> None:
        asked = f"{second.prefix}|{second.max_tokens}|{second.masked}|{second.output}".encode()
        digest = hashlib.sha256((folder / MODEL).read_bytes() + asked).hexdigest()[:16]
        self._file = cache / f"vectors-{digest}.npz"
        self._texts = OnnxTexts.load(folder, second.max_tokens, masked=second.masked, prefix=second.prefix)
        self._output = second.output
        self._known: dict[bytes, npt.NDArray[np.float16]] = {}
        if self._file.is_file():
            with np.load(self._file, allow_pickle=False) as stored:
                self._known = dict(zip((bytes(key) for key in stored["keys"]), stored["vectors"], strict=True))

    def of(self, texts: Sequence[str], progress: Progress) -> npt.NDArray[np.float32]:
        """(n, 2d) the vectors of the texts (see `pooled`), those not known yet computed; interrupted, it keeps them."""
        missing = [text for text in dict.fromkeys(texts) if _key(text) not in self._known]
        try:
            self._learn(missing, progress)
        finally:
            if missing:
                self._save()
        return np.stack([self._known[_key(text)] for text in texts]).astype(np.float32)

    def _learn(self, texts: Sequence[str], progress: Progress) -> None:
        begun = said = time.monotonic()
        for number, (text, states) in enumerate(zip(texts, self._texts.outputs(texts, self._output), strict=True), 1):
            self._known[_key(text)] = pooled(states).astype(np.float16)
            now = time.monotonic()
            if now - said > REPORT_EVERY_S:
                said = now
                left = (now - begun) / number * (len(texts) - number)
                progress(f"encoder: {number} of {len(texts)} texts, {left / 60:.0f} min {left % 60:.0f} s left")

    def _save(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_name("fresh.npz")
        keys = np.frombuffer(b"".join(self._known), np.uint8).reshape(-1, 16)
        np.savez(fresh, keys=keys, vectors=np.stack(list(self._known.values())))
        fresh.replace(self._file)


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()[:16]

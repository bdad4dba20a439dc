"""Runs an ONNX model on texts. Needs onnxruntime and tokenizers (the extra `encoder`), which are imported on loading.

One text at a time, without padding. Models whose activations are quantised as they run take one scale for all that is
computed at once, so in a batch a text's score would depend on its neighbours, and a replayed micro-batch could differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MODEL, TOKENIZER = "model.onnx", "tokenizer.json"
# More characters than any model's tokens hold; a tokenizer reads the whole text before it cuts.
MAX_CHARACTERS = 4000
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_LINK, _MENTION = re.compile(r"https?://\S+"), re.compile(r"@\w+")
_TYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}


class OnnxTexts:
    """A session and its tokenizer. `masked`: links are read as `http` and mentions as `@user`."""

    def __init__(self, session: Any, tokenizer: Any, *, masked: bool = False, prefix: str = "") -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._masked = masked
        self._prefix = prefix
        self._types = {each.name: _TYPES[each.type] for each in session.get_inputs()}

    @classmethod
    def load(cls, folder: Path, max_tokens: int, *, masked: bool = False, prefix: str = "") -> OnnxTexts:
        """Read `model.onnx` and `tokenizer.json` of a folder; raises ImportError without the extra `encoder`."""
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ImportError(
                f"this version needs onnxruntime and tokenizers ({error}): install the extra `encoder`, "
                "pip install 'moodstream[encoder]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a Spark worker has one core
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(folder / MODEL), options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        tokenizer.enable_truncation(max_tokens)
        tokenizer.no_padding()
        return cls(session, tokenizer, masked=masked, prefix=prefix)

    def outputs(self, texts: Sequence[str], name: str) -> Iterator[npt.NDArray[np.float32]]:
        """Of each text the output `name`, without the axis of the batch."""
        for text in texts:
            ids = self._tokenizer.encode(self._prefix + self._clean(text)).ids or [0]
            row = np.array([ids])
            values = (row, np.ones_like(row), np.zeros_like(row))
            given = {each: value for each, value in zip(INPUTS, values, strict=True) if each in self._types}
            feeds = {each: value.astype(self._types[each]) for each, value in given.items()}
            yield self._session.run([name], feeds)[0][0]

    def _clean(self, text: str) -> str:
        """What the tokenizer reads: half a surrogate pair would make it fail."""
        text = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
        return _MENTION.sub("@user", _LINK.sub("http", text)) if self._masked else text

"""The tokenizer of a model's folder, as the one file `tokenizer.json`; older folders have a vocabulary only."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.errors import UsageError
from model.runtime.onnx_texts import TOKENIZER


def save(folder: Path, config: Mapping[str, Any], target: Path) -> None:
    """Write the tokenizer of `folder` (or of the folder above, where `folder` is `onnx`) to `target`.

    Raises UsageError if the folder has none, or if it cannot be read.
    """
    for place in (folder, folder.parent):
        if (place / TOKENIZER).is_file():
            shutil.copyfile(place / TOKENIZER, target)
            return
    try:
        made = _from_vocabulary(folder, str(config.get("model_type", "")))
    except ImportError as error:
        raise UsageError(f"{folder} has no tokenizer.json, and to make one the extra `encoder` is needed") from error
    if made is None:
        raise UsageError(
            f"{folder} holds no tokenizer.json, nor a vocabulary of BERT (vocab.txt) or RoBERTa (vocab.json, "
            "merges.txt); with transformers: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)"
        )
    made.save(str(target))


def _from_vocabulary(folder: Path, model_type: str) -> Any | None:
    from tokenizers import BertWordPieceTokenizer, ByteLevelBPETokenizer, processors

    words, merges, pieces = (folder / name for name in ("vocab.json", "merges.txt", "vocab.txt"))
    if words.is_file() and merges.is_file() and model_type in ("roberta", ""):
        made = ByteLevelBPETokenizer.from_file(str(words), str(merges))
        end, start = ((mark, made.token_to_id(mark)) for mark in ("</s>", "<s>"))
        made._tokenizer.post_processor = processors.RobertaProcessing(end, start)
        return made
    if pieces.is_file() and model_type in ("bert", "distilbert", "electra", ""):
        vocabulary = pieces.read_text("utf-8").splitlines()
        lower = not any(word.isalpha() and word != word.lower() for word in vocabulary if not word.startswith("["))
        return BertWordPieceTokenizer(str(pieces), lowercase=lower)
    return None

"""Builders of small ONNX models: each word has a row of numbers, and a text the mean of its words' rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.model_rows import BAD, GOOD, PLAIN

WORDS = ("[UNK]", *BAD, *PLAIN, *GOOD)
# Logits of negative, neutral and positive: each word speaks for its label.
LOGITS = np.array([[0, 0, 0], *[[9, 0, 0]] * len(BAD), *[[0, 9, 0]] * len(PLAIN), *[[0, 0, 9]] * len(GOOD)], np.float32)
LABELS = ("negative", "neutral", "positive")


def a_classifier(folder: Path, labels: Sequence[str] = LABELS, logits: np.ndarray = LOGITS) -> Path:
    """A folder as Hugging Face exports it, with one output for each label."""
    return _a_model(folder, labels, logits, "logits", pool=True)


def an_encoder(folder: Path) -> Path:
    """A folder whose model gives a vector for each token and no labels."""
    return _a_model(folder, (), LOGITS, "last_hidden_state", pool=False)


def _a_model(folder: Path, labels: Sequence[str], table: np.ndarray, output: str, *, pool: bool) -> Path:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["rows" if pool else output])]
    if pool:
        nodes.append(helper.make_node("ReduceMean", ["rows"], [output], axes=[1], keepdims=0))
    shape = ["texts", len(table[0])] if pool else ["texts", "tokens", len(table[0])]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(table, "table")],
    )
    folder.mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(folder / "model.onnx"))
    config = {"id2label": {str(place): label for place, label in enumerate(labels)}} if labels else {}
    (folder / "config.json").write_text(json.dumps(config))
    a_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def a_tokenizer() -> object:
    """Splits at blanks and signs, and knows WORDS."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made

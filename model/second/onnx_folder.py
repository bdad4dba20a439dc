"""An ONNX model of the user's, as `moodstream model import --onnx DIR` and `--transformers DIR` find it.

A folder holds the model (`model.onnx`, or in a folder `onnx`), its tokenizer, and its labels: in `config.json`, as
Hugging Face writes it, or given.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.errors import UsageError
from model.runtime import LABELS
from model.runtime.onnx_texts import INPUTS, MODEL, TOKENIZER
from model.runtime.second import FOLDER, Second
from model.second import tokenizers_of
from model.settings import Progress

NAMES = ("model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx")
SHORT = {"neg": "negative", "neu": "neutral", "pos": "positive"}
NEEDED = "onnxruntime and tokenizers are not installed: install the extra `encoder` (pip install 'moodstream[encoder]')"
EXPORT_TIMEOUT_S = 1800


def copy(folder: Path, bundle: Path) -> dict[str, Any]:
    """Copy model and tokenizer of a folder into a bundle's folder `second`; returns the folder's `config.json`.

    Raises UsageError if the folder lacks something.
    """
    if not folder.is_dir():
        raise UsageError(f"received '{folder}', where there is no folder; expected one with model.onnx, tokenizer.json")
    model = _model_in(folder)
    target = bundle / FOLDER
    target.mkdir(parents=True)
    shutil.copyfile(model, target / MODEL)
    for beside in model.parent.iterdir():  # weights of more than 2 GB lie beside the model
        if beside.name.startswith(model.name + "_") or beside.suffix == ".data" or beside.name.endswith("_data"):
            shutil.copyfile(beside, target / beside.name)
    config = _config(folder)
    tokenizers_of.save(folder, config, target / TOKENIZER)
    return config


def classifier(folder: Path, bundle: Path, labels: Sequence[str], options: Mapping[str, Any]) -> Second:
    """The classifier of a folder, copied into a bundle. `labels`: of the outputs, or none if config.json has them.

    `options`: further fields of Second. Raises UsageError if it cannot serve.
    """
    config = copy(folder, bundle)
    output, size = _output(session(bundle))
    classes = _classes(labels or _labels_of(config), size)
    return Second("classifier", classes=classes, output=output, **{**options, "max_tokens": _tokens(options, config)})


def from_transformers(
    folder: Path, bundle: Path, labels: Sequence[str], options: Mapping[str, Any], progress: Progress
) -> Second:
    """Like `classifier`, for a folder of Hugging Face: one without an ONNX export is exported first, by optimum."""
    if not folder.is_dir() or any((folder / name).is_file() for name in NAMES) or [*folder.glob("*.onnx")]:
        return classifier(folder, bundle, labels, options)
    exported = bundle.parent / "exported"
    progress("exporting the model to ONNX, which takes minutes")
    _export(folder, exported)
    return classifier(exported, bundle, labels, options)


def session(bundle: Path) -> Any:
    """The bundle's model, opened; raises UsageError if it cannot be, or if its inputs are other than token ids."""
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError(NEEDED) from error
    try:
        opened = onnxruntime.InferenceSession(str(bundle / FOLDER / MODEL), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common class
        raise UsageError(f"the ONNX model cannot be opened: {error}") from error
    if unknown := sorted({each.name for each in opened.get_inputs()} - {*INPUTS}):
        raise UsageError(f"the ONNX model has the inputs {', '.join(unknown)}; expected only {', '.join(INPUTS)}")
    return opened


def _model_in(folder: Path) -> Path:
    found = [folder / name for name in NAMES if (folder / name).is_file()] or sorted(folder.glob("*.onnx"))
    if not found:
        raise UsageError(f"{folder} holds no ONNX model; expected one of {', '.join(NAMES)}")
    return found[0]


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is no JSON: {error}") from error
    return found


def _output(opened: Any) -> tuple[str, int | None]:
    """The name of the output with one row a text, and how many values a row has (None if the model does not say)."""
    outputs = {each.name: each.shape for each in opened.get_outputs()}
    rows = {name: shape for name, shape in outputs.items() if len(shape) == 2}
    if not rows:
        raise UsageError(
            f"the ONNX model has the outputs {', '.join(outputs)}, none with a value for each label: it is an encoder "
            "without a head; `moodstream model train --encoder DIR` trains one"
        )
    name = "logits" if "logits" in rows else next(iter(rows))
    return name, rows[name][1] if isinstance(rows[name][1], int) else None


def _labels_of(config: Mapping[str, Any]) -> list[str]:
    named = config.get("id2label") or {}
    return [str(named[place]) for place in sorted(named, key=int)]


def _classes(labels: Sequence[str], size: int | None) -> tuple[int, ...]:
    """For each output the place of its label; raises UsageError for labels other than LABELS, or not all of them."""
    words = [label.strip().lower() for label in labels]
    words = [SHORT.get(word, word) for word in words]
    example = "--labels negative,neutral,positive, in the order of the model's outputs"
    if not words:
        raise UsageError(f"config.json names no labels (id2label); give them: {example}")
    if {*words} != {*LABELS}:
        raise UsageError(f"received the labels {', '.join(labels)}, expected all of {', '.join(LABELS)}: {example}")
    if size is not None and size != len(words):
        raise UsageError(f"received {len(words)} labels, but the model has {size} outputs: {example}")
    return tuple(LABELS.index(word) for word in words)


def _tokens(options: Mapping[str, Any], config: Mapping[str, Any]) -> int:
    """The most tokens of a text: what is asked for, within what the model has positions for (RoBERTa's begin at 2)."""
    positions = int(config.get("max_position_embeddings") or 512) - 2
    return min(int(options["max_tokens"]), positions)


def _export(folder: Path, target: Path) -> None:
    beside = Path(sys.executable).with_name("optimum-cli")
    program = str(beside) if beside.is_file() else shutil.which("optimum-cli")
    if program is None:
        raise UsageError(
            f"{folder} holds no ONNX export, and optimum, which makes one, is not installed: "
            f"pip install 'optimum[onnxruntime]' torch, then import again; or elsewhere: optimum-cli export onnx "
            f"--model {folder} --task text-classification DIR, then import --onnx DIR"
        )
    command = [program, "export", "onnx", "--model", str(folder), "--task", "text-classification", str(target)]
    done = subprocess.run(  # noqa: S603 - a fixed program, no shell
        command, capture_output=True, text=True, timeout=EXPORT_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise UsageError(f"optimum could not export {folder}: {lines[-1]}")

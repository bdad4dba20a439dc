"""The options of `moodstream model import`."""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urlsplit

from model.errors import UsageError
from model.second.register import ImportOptions

# What names a model; any other scheme of --mlflow-uri names a registry.
MODEL_SCHEMES = ("models", "runs", "mlflow-artifacts", "s3", "gs", "abfss", "wasbs", "hdfs", "file", "")
EVERY = "all"
MIN_TOKENS = 8


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of the command, which has those of every model command."""
    parser.add_argument(
        "--mlflow-uri",
        action="append",
        default=[],
        metavar="URI",
        help="a model to import: models:/NAME/1, runs:/ID/model, s3://..., a folder; or, as everywhere, tracking "
        "server and registry (MLFLOW_TRACKING_URI)",
    )
    parser.add_argument("--onnx", type=Path, metavar="DIR", help="model.onnx, tokenizer.json, labels in config.json")
    parser.add_argument(
        "--transformers", type=Path, metavar="DIR", help="a local Hugging Face folder, with an ONNX export or optimum"
    )
    parser.add_argument(
        "--labels", metavar="A,B,C", help="labels of the outputs in their order, if config.json does not name them"
    )
    parser.add_argument(
        "--languages", default="en", metavar="CODES", help=f"what the model serves: en,de or {EVERY} (default: en)"
    )
    add_budget(parser)
    parser.add_argument("--max-tokens", type=int, default=128, metavar="N", help="read of a text (default: 128)")
    parser.add_argument(
        "--mask-names", action="store_true", help="links become http and mentions @user, as Twitter-RoBERTa expects"
    )
    parser.add_argument("--without-games", action="store_true", help="leave out the tweets whose licence is unclear")


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Add the option that makes a cascade."""
    parser.add_argument(
        "--cascade-budget-us",
        type=float,
        metavar="N",
        help="processor microseconds a text on average: the second model scores only what the linear one is least "
        "sure of (default: all texts)",
    )


def divide_uris(given: argparse.Namespace) -> None:
    """Make `given.sources` of each --mlflow-uri that names a model, and leave the one that names a registry."""
    given.sources = [uri for uri in given.mlflow_uri if urlsplit(uri).scheme in MODEL_SCHEMES]
    others = [uri for uri in given.mlflow_uri if uri not in given.sources]
    given.mlflow_uri = others[-1] if others else None


def from_arguments(given: argparse.Namespace) -> ImportOptions:
    """Check the arguments; raises UsageError."""
    sources = [each for each in (given.onnx, given.transformers, *given.sources) if each]
    if len(sources) != 1:
        received = "none" if not sources else "several"
        raise UsageError(
            f"received {received} of --onnx DIR, --transformers DIR and --mlflow-uri of a model (models:/NAME/1, "
            "runs:/ID/model, a folder); expected one"
        )
    if given.max_tokens < MIN_TOKENS:
        raise UsageError(f"--max-tokens is {given.max_tokens}, expected at least {MIN_TOKENS}")
    return ImportOptions(
        onnx=given.onnx,
        transformers=given.transformers,
        uri=given.sources[0] if given.sources else None,
        labels=_words(given.labels or ""),
        languages=_languages(given.languages),
        budget_us=given.cascade_budget_us,
        max_tokens=given.max_tokens,
        masked=given.mask_names,
        games=not given.without_games,
    )


def _words(listed: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.split(",") if word.strip())


def _languages(listed: str) -> tuple[str, ...]:
    codes = _words(listed.lower())
    if codes == (EVERY,):
        return ("*",)
    if not codes or not all(code.isalpha() and len(code) in (2, 3) for code in codes):
        raise UsageError(f"--languages is '{listed}', expected ISO 639 codes such as en,de or {EVERY}")
    return codes

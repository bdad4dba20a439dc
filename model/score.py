"""`moodstream score TEXT ...`: language and the champion's sentiment of texts, with the terms that decided."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from model import settings as options
from model.champion import Champion, open_champion
from model.errors import UsageError
from model.settings import Parser, print_progress
from model.training.register import ensure_champion

UNDETERMINED = "und"
EVERY = "*"
UNSCORED: Mapping[str, Any] = {
    "sentiment": None,
    "polarity": None,
    "confidence": None,
    "terms": [],
    "unscored_reason": "unsupported_language",
}
EPILOG = """examples:
  moodstream score "never been happier 😀" "worst. update. ever."
  moodstream score "I love it, but the battery is awful" --explain
  echo "one text a line" | moodstream score - --json
"""


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Score texts and print the result; returns 0. An empty local registry gets a first model. Raises ModelError."""
    given = _parser().parse_args(list(argv))
    texts = texts_of(given.texts, sys.stdin)
    settings = options.from_options(given, environ, may_make_workdir=False)
    ensure_champion(settings, print_progress)
    champion = open_champion(settings)
    found = results(champion, texts)
    if given.json:
        line = {"model_version": champion.version, "results": found}
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(table(found, champion.version, explain=given.explain))
    return 0


def results(champion: Champion, texts: Sequence[str]) -> list[dict[str, Any]]:
    """One object for each text: text, language, sentiment, polarity, confidence, terms, model_version, unscored_reason.

    The terms come strongest first. A text in a language that the model does not serve has no sentiment, but a reason.
    """
    columns = champion.scorer.columns(texts)
    scored: list[dict[str, Any]] = [
        {
            "text": text,
            "language": str(columns["language"][place]) if "language" in columns else UNDETERMINED,
            "sentiment": str(columns["sentiment"][place]),
            "polarity": round(float(columns["polarity"][place]), 4),
            "confidence": round(float(columns["confidence"][place]), 4),
            "terms": [{"term": term, "effect": round(effect, 4)} for term, effect in champion.scorer.explain(text)],
            "model_version": champion.version,
            "unscored_reason": None,
        }
        for place, text in enumerate(texts)
    ]
    return [result if _is_served(champion, result["language"]) else {**result, **UNSCORED} for result in scored]


def _is_served(champion: Champion, language: str) -> bool:
    # Versions that were registered before languages were identified serve every text.
    served = getattr(champion.scorer, "languages", ())
    return language in (UNDETERMINED, *served) or EVERY in served


def table(found: Sequence[Mapping[str, Any]], version: str, *, explain: bool) -> str:
    """The results as lines of text."""
    lines = []
    for result in found:
        terms = result["terms"] if explain else result["terms"][:3]
        if result["sentiment"] is None:
            lines.append(f"{'unscored':<8}  language {result['language']} is not served  {result['text']}")
            continue
        lines.append(
            f"{result['sentiment']:<8}  polarity {result['polarity']:+.2f}"
            f"  confidence {result['confidence']:.2f}  {result['text']}"
        )
        if explain:
            lines.extend(f"{'':10}{term['effect']:+.2f}  {term['term']}" for term in terms)
        elif terms:
            decided = ", ".join(f"{term['term']} ({term['effect']:+.2f})" for term in terms)
            lines.append(f"{'':10}because of {decided}")
    return "\n".join([*lines, f"model version {version}"]) + "\n"


def texts_of(given: Sequence[str], lines: Iterable[str]) -> list[str]:
    """The texts of the command line, or those of `lines` where it says `-`; raises UsageError if there are none.

    It is called before the model is opened: an empty registry would train one first, for minutes.
    """
    if "-" not in given:
        return list(given)
    if len(given) > 1:
        raise UsageError("received - beside other texts, expected - alone (lines of standard input) or texts")
    found = [line.rstrip("\r\n") for line in lines]
    if not found:
        raise UsageError('received - but standard input is empty, expected one text a line: echo "a text" | ...')
    return found


def _parser() -> Parser:
    parser = Parser(
        prog="moodstream score",
        description="Score texts with the champion, naming the terms that decided.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="what to score; - reads lines from standard input")
    parser.add_argument("--explain", action="store_true", help="show every term and what it contributed")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options.add_options(parser)
    return parser

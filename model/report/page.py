"""`moodstream model report`: an HTML page about many texts, with its figures beside it."""

from __future__ import annotations

import csv
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from model import labelled_files
from model.champion import Champion
from model.errors import DataError, UsageError
from model.evaluation import metrics
from model.next_word import LanguageModel, words
from model.report import figures
from model.runtime import LABELS

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "img{max-width:100%}td,th{padding:.2rem .8rem;text-align:right}th:first-child,td:first-child{text-align:left}"
    ".row{display:flex;flex-wrap:wrap;gap:1rem}.row img{width:30%;min-width:16rem}"
)
PROMPTS = ("i am", "i love", "i hate", "this is", "the worst")
# Negators and intensifiers are not among them, because they decide a text's sentiment.
STOP_WORDS = frozenset(
    """a about after again all also am an and any are as at be because been before being between both by can could
    did do does doing down during each few for from further get gets getting go going gonna got had has have
    having he her here hers herself him himself his how http https i if i'd i'll i'm i've im in into is it
    it's its itself just let let's me more most my myself of off on once one only or other our ours ourselves
    out over own rt s same she should so some such t than that that's the their theirs them themselves then
    there there's these they they're this those through to today u under until up ur us via was we we're were
    what when where which while who whom why will with would you you'd you'll you're you've your yours
    yourself yourselves""".split()  # noqa: SIM905
)


def texts_of(path: str, storage: Mapping[str, str] | None = None) -> list[str]:
    """The `text` column of a CSV, a path or an s3:// URL; raises DataError if file or column cannot be read.

    `storage`: options of delta-rs' client for S3.
    """
    reader = csv.DictReader(labelled_files.open_text(path, storage), strict=True)
    try:
        if "text" not in (reader.fieldnames or ()):
            raise DataError(f"{path} has no column text")
        return [row["text"] or "" for row in reader]
    except csv.Error as error:
        raise DataError(f"cannot read {path}: {error}") from error


def write(champion: Champion, language: LanguageModel | None, texts: Sequence[str], folder: Path) -> Path:
    """Score the texts; write `index.html` and its figures into the folder; returns the page's path.

    Raises UsageError if there are no texts or the folder cannot be written.
    """
    if not texts:
        raise UsageError("there are no texts to report on")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from error
    scores = champion.scorer.score(texts)
    figures.distributions(scores.label, scores.polarity, folder / "distribution.png")
    typical = word_clouds(texts, scores.label, folder)
    shares = np.bincount(scores.label, minlength=len(LABELS)) / len(texts)
    rows = "".join(
        f"<tr><td>{name}</td><td>{share:.1%}</td><td>{_mean(scores.polarity[scores.label == place]):+.2f}</td>"
        f"<td>{_mean(scores.confidence[scores.label == place]):.2f}</td></tr>"
        for place, (name, share) in enumerate(zip(LABELS, shares, strict=True))
    )
    pictures = "".join(
        f'<img src="words-{name}.png" alt="typical words of {name} texts">' for name in typical if typical[name]
    )
    page = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Sentiment report</title><style>{STYLE}</style>"
        f"<h1>Sentiment of {len(texts):,} texts</h1><p>Scored with model version {html.escape(champion.version)}."
        f" Mean polarity {scores.polarity.mean():+.3f}.</p>"
        f"<table><tr><th>sentiment<th>share<th>mean polarity<th>mean confidence</tr>{rows}</table>"
        f'<p><img src="distribution.png" alt="distribution of polarity by sentiment"></p>'
        f'<h2>Typical words of each sentiment</h2><div class="row">{pictures}</div>'
        f"{_extremes(texts, scores.polarity)}{_next_words(language)}</html>"
    )
    target = folder / "index.html"
    target.write_text(page, "utf-8")
    return target


def word_clouds(texts: Sequence[str], sentiment: metrics.Places, folder: Path) -> dict[str, dict[str, float]]:
    """Draw `words-<sentiment>.png` for each sentiment; returns sentiment -> typical word -> weight.

    `sentiment` (n,) holds the texts' sentiments as places in LABELS.
    """
    tokens = [[word for word in words(text) if word not in STOP_WORDS and word.isalpha()] for text in texts]
    typical = figures.typical_words(tokens, sentiment)
    for name, weights in typical.items():
        figures.word_cloud(weights, name, folder / f"words-{name}.png")
    return typical


def _mean(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _extremes(texts: Sequence[str], polarity: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    order = np.argsort(polarity, kind="stable")
    parts = []
    for title, places in (("Most negative", order[:5]), ("Most positive", order[::-1][:5])):
        items = "".join(f"<li>{polarity[place]:+.2f} {html.escape(texts[place][:280])}</li>" for place in places)
        parts.append(f"<h2>{title}</h2><ul>{items}</ul>")
    return "".join(parts)


def _next_words(language: LanguageModel | None) -> str:
    if language is None:
        return ""
    rows = "".join(
        f"<tr><td>{prompt} …</td><td style='text-align:left'>"
        + ", ".join(f"{html.escape(word)} ({chance:.0%})" for word, chance in language.next_words(prompt))
        + "</td></tr>"
        for prompt in PROMPTS
    )
    return f"<h2>What comes next</h2><table>{rows}</table>"

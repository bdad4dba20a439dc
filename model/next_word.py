"""Predicts the next word with a bigram model (interpolated Kneser-Ney smoothing), and measures its perplexity.

The model is counts in dictionaries, stored as compressed JSON beside the training run.
"""

from __future__ import annotations

import gzip
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
DISCOUNT = 0.75
MIN_COUNT = 3
FILE = "bigrams.json.gz"
_WORD = re.compile(r"https?:\S+|@\w+|[^\W_]+(?:['’][^\W_]+)*|[.!?]+")


def words(text: str) -> list[str]:
    """Lower-case words and sentence ends of a text, without addresses and mentions."""
    found = _WORD.findall(text.lower().replace("’", "'"))
    return [word for word in found if not word.startswith(("http:", "https:", "@"))]


class LanguageModel:
    """Counts of words (`unigrams`), and of the words that followed each word (`followers`)."""

    def __init__(self, unigrams: dict[str, int], followers: dict[str, dict[str, int]]) -> None:
        self.unigrams = unigrams
        self.followers = followers
        # How many different words a word follows: Kneser-Ney backs off to this, not to the word's frequency.
        self._contexts = Counter(word for after in followers.values() for word in after)
        self._pairs = sum(self._contexts.values())
        self._total = sum(unigrams.values())

    @classmethod
    def learn(cls, texts: Iterable[str]) -> LanguageModel:
        """Learn from texts; all words with fewer than MIN_COUNT occurrences become UNKNOWN."""
        sentences = [[START, *words(text), END] for text in texts]
        counts = Counter(word for sentence in sentences for word in sentence)
        known = {word for word, count in counts.items() if count >= MIN_COUNT}
        unigrams: Counter[str] = Counter()
        followers: dict[str, Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            seen = [word if word in known else UNKNOWN for word in sentence]
            unigrams.update(seen[1:])
            for first, second in pairwise(seen):
                followers[first][second] += 1
        return cls(dict(unigrams), {word: dict(after) for word, after in followers.items()})

    def next_words(self, text: str, most: int = 5) -> list[tuple[str, float]]:
        """The `most` most probable next words after a text, with their probabilities, the most probable first."""
        before = self._known([START, *words(text)][-1])
        likely = {word for word, _ in Counter(self.followers.get(before, {})).most_common(most + 3)}
        likely |= {word for word, _ in self._contexts.most_common(most + 3)}
        named = [(word, self.probability(before, word)) for word in likely - {UNKNOWN, END}]
        return sorted(named, key=lambda pair: (-pair[1], pair[0]))[:most]

    def probability(self, before: str, word: str) -> float:
        """P(word | before), over the known words, END and UNKNOWN."""
        back_off = (self._contexts[word] + 1) / (self._pairs + len(self._contexts) + 1)
        after = self.followers.get(before)
        if not after:
            return back_off
        total = sum(after.values())
        kept = max(after.get(word, 0) - DISCOUNT, 0) / total
        return kept + DISCOUNT * len(after) / total * back_off

    def perplexity(self, texts: Iterable[str]) -> tuple[float, float]:
        """(bigram, unigram) perplexity a word, ends included; lower is better."""
        pairs, alone, count = 0.0, 0.0, 0
        for text in texts:
            seen = [START, *map(self._known, words(text)), END]
            for before, word in pairwise(seen):
                pairs += math.log(self.probability(before, word))
                alone += math.log((self.unigrams.get(word, 0) + 1) / (self._total + len(self.unigrams) + 1))
                count += 1
        return math.exp(-pairs / max(count, 1)), math.exp(-alone / max(count, 1))

    def save(self, folder: Path) -> Path:
        """Write FILE into the folder."""
        path = folder / FILE
        content = json.dumps({"unigrams": self.unigrams, "followers": self.followers}, sort_keys=True)
        path.write_bytes(gzip.compress(content.encode(), mtime=0))
        return path

    @classmethod
    def load(cls, path: Path) -> LanguageModel:
        """Read what `save` wrote."""
        stored = json.loads(gzip.decompress(path.read_bytes()))
        return cls(stored["unigrams"], stored["followers"])

    def _known(self, word: str) -> str:
        return word if word in self.unigrams or word == START else UNKNOWN


def learn_and_evaluate(training: Sequence[str], held_out: Sequence[str]) -> tuple[LanguageModel, dict[str, float]]:
    """A model of the training texts, and its perplexities on the held-out ones."""
    model = LanguageModel.learn(training)
    bigram, unigram = model.perplexity(held_out)
    return model, {"perplexity_bigram": bigram, "perplexity_unigram": unigram}

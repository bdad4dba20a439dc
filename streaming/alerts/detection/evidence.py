"""Measures what the texts of an incident have in common: words, accounts, wording, model versions, lengths.

It keeps the texts of the last minutes, and the usual frequency of each word. It keeps at most MAX_SAMPLED texts of a
step, so that a sudden mass of texts costs no more than a normal minute.
"""

from __future__ import annotations

import zlib
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from math import log

import numpy as np

from streaming.alerts.detection.text import Text, skeleton, terms, words

# Steps whose texts are compared with the usual ones: two minutes.
LOOKED_AT = 4
MAX_SAMPLED = 400
MAX_WORDS = 60_000
# Usual frequencies halve after some hours.
FORGETTING = 0.5
FORGET_EVERY = 480
LENGTH_EDGES = (0, 3, 6, 9, 12, 16, 24, 40, 1 << 30)
LENGTH_GAIN = 1 / 120
USUAL_STEPS = 20
# Texts with this many successive words in common are near-identical.
RUN = 4


class Evidence:
    """The recent texts of a stream and what is usual for them."""

    def __init__(self) -> None:
        self._recent: deque[tuple[Text, ...]] = deque(maxlen=LOOKED_AT)
        self._words: Counter[str] = Counter()
        self._texts = 0.0
        self._lengths = np.zeros(len(LENGTH_EDGES) - 1)
        self._versions: deque[Counter[str]] = deque(maxlen=USUAL_STEPS)
        self._first_seen: dict[str, float] = {}
        self._steps = 0
        self._began: float | None = None

    def add_step(self, end: float, texts: Sequence[Text], calm: bool) -> None:
        """Add the texts of the step that ended at `end`. The usual values learn from them only if `calm`."""
        sample = sampled(texts)
        self._recent.append(tuple(sample))
        self._steps += 1
        self._began = end if self._began is None else self._began
        for text in texts:
            self._first_seen.setdefault(text.user, text.at)
        if len(self._first_seen) > MAX_WORDS:
            self._first_seen = dict(list(self._first_seen.items())[MAX_WORDS // 2 :])
        if not calm:
            return
        self._versions.append(Counter(text.version for text in texts))
        for text in sample:
            self._words.update(terms(text.text))
        self._texts += len(sample)
        if sample:
            self._lengths += LENGTH_GAIN * (_lengths(sample) / len(sample) - self._lengths)
        if self._steps % FORGET_EVERY == 0:
            self._forget()

    def _forget(self) -> None:
        kept = {word: count * FORGETTING for word, count in self._words.most_common(MAX_WORDS)}
        self._words = Counter({word: count for word, count in kept.items() if count > 0.5})
        self._texts *= FORGETTING

    def recent(self) -> list[Text]:
        """The sampled texts of the last two minutes."""
        return [text for step in self._recent for text in step]

    def driving_terms(self, texts: Iterable[Text], most: int = 8) -> list[str]:
        """The words that are most over-represented in `texts`, the strongest first: G-statistic against usual use."""
        texts = list(texts)
        found = Counter(word for text in texts for word in terms(text.text))
        score = {word: _surprise(count, len(texts), self._words[word], self._texts) for word, count in found.items()}
        strongest = sorted(found, key=lambda word: (-score[word], word))[:most]
        return [word for word in strongest if score[word] > 10]

    def new_version(self, texts: Sequence[Text]) -> str | None:
        """The model version of most of `texts`, if hardly any usual text has it; else None."""
        if not texts:
            return None
        version, count = Counter(text.version for text in texts).most_common(1)[0]
        usual = sum(self._versions, Counter())
        is_new = usual and usual[version] < 0.1 * sum(usual.values()) and count >= 0.5 * len(texts)
        return version if is_new else None

    def length_shift(self, texts: Sequence[Text]) -> float:
        """Population stability index of the texts' lengths in words against usual ones."""
        now, usual = _lengths(texts) + 0.5, self._lengths * 1000 + 0.5
        now, usual = now / now.sum(), usual / usual.sum()
        return float(((now - usual) * np.log(now / usual)).sum())

    def unknown_words(self, texts: Sequence[Text]) -> float:
        """The share of distinct words of `texts` that usual texts lack, 0 to 1."""
        found = {word for text in texts for word in terms(text.text)}
        return sum(word not in self._words for word in found) / max(len(found), 1)

    def young(self, users: Iterable[str], now: float, age: float = 900.0) -> float:
        """The share of accounts that were first seen in the last `age` seconds; 0 at the beginning of a stream."""
        accounts = set(users)
        if self._began is None or now - self._began < 2 * age or not accounts:
            return 0.0
        return sum(now - self._first_seen.get(user, now) < age for user in accounts) / len(accounts)


def sampled(texts: Sequence[Text]) -> list[Text]:
    """At most MAX_SAMPLED of the texts, chosen by a hash of their ids, so that the choice can be repeated."""
    if len(texts) <= MAX_SAMPLED:
        return list(texts)
    return sorted(texts, key=lambda text: zlib.crc32(text.event_id.encode()))[:MAX_SAMPLED]


def few_hands(texts: Sequence[Text]) -> bool:
    """True if few accounts wrote the texts and most of them wrote several; people rarely write twice about a thing."""
    accounts = Counter(text.user for text in texts)
    once = sum(count == 1 for count in accounts.values())
    return len(accounts) <= len(texts) / 3 and once <= 0.3 * len(accounts)


def alike(texts: Sequence[Text]) -> float:
    """The share of texts that have RUN successive words in common with at least three others, 0 to 1."""
    runs = [_runs(text.text) for text in texts]
    uses = Counter(run for each in runs for run in each)
    return sum(any(uses[run] > 3 for run in each) for each in runs) / max(len(texts), 1)


def _runs(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[at : at + RUN]) for at in range(max(len(found) - RUN + 1, 1))}


def examples(texts: Sequence[Text], driving: Sequence[str], most: int = 3) -> list[Text]:
    """Texts that illustrate an incident: of different accounts, with as many driving terms as possible."""
    wanted = set(driving)
    ranked = sorted(texts, key=lambda text: (-len(wanted & terms(text.text)), text.at, text.event_id))
    chosen: dict[str, Text] = {}
    for text in ranked:
        if text.user not in chosen and all(skeleton(text.text) != skeleton(each.text) for each in chosen.values()):
            chosen[text.user] = text
        if len(chosen) == most:
            break
    return list(chosen.values())


def _lengths(texts: Sequence[Text]) -> np.ndarray:
    counts: np.ndarray = np.histogram([len(words(text.text)) for text in texts], LENGTH_EDGES)[0].astype(float)
    return counts


def _surprise(count: int, texts: int, usual: float, usual_texts: float) -> float:
    """The G-statistic of a word in `count` of `texts`; 0 where it is not more frequent than usual."""
    expected = texts * (usual + 0.5) / (usual_texts + 1)
    return 2 * (count * log(count / expected) - (count - expected)) if count > expected else 0.0

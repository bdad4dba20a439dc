"""Decides why the sentiment of a stream changed: its audience, a raid by bots, the model, or the data. Pure.

In a raid few accounts, or new ones, write nearly the same texts. The model is the cause if another version began to
score and the number of texts is as before. The data is the cause if texts have other lengths and words. In all other
cases the cause is the audience, that is, news.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streaming.alerts.detection.detector import MEASURES, VOLUME, Symptom
from streaming.alerts.detection.evidence import Evidence, alike, few_hands
from streaming.alerts.detection.text import ALL, TOPIC, Text, topics

AUDIENCE, BOTS, MODEL, DATA = "audience", "bots", "model", "data"

# Limits: the share of near-identical texts, the share of new accounts, and its excess over that of other texts.
ALIKE, YOUNG, MORE_YOUNG = 0.4, 0.5, 0.25
MIN_TEXTS = 12
# Limits: the population stability index of lengths (0.25 is the usual one), and the share of words not used before.
LENGTH_SHIFT, UNKNOWN_WORDS = 0.25, 0.35


@dataclass(frozen=True)
class Cause:
    """What changed, how certain that is (0 to 1), and a sentence with the reason."""

    name: str
    sure: float
    why: str


def about(texts: Sequence[Text], symptoms: Sequence[Symptom]) -> list[Text]:
    """The texts with a topic of the symptoms, if they are at least MIN_TEXTS; otherwise all texts."""
    raised = {each.series.name for each in symptoms if each.series.kind == TOPIC and each.distance > 0}
    tagged = [text for text in texts if raised & set(topics(text.text))]
    if len(tagged) >= MIN_TEXTS:
        return tagged
    return list(texts)


def cause(evidence: Evidence, symptoms: Sequence[Symptom], now: float) -> Cause:
    """The cause of symptoms that hold at `now` (epoch seconds)."""
    texts = evidence.recent()
    of_topic = about(texts, symptoms)
    return (
        _bots(evidence, of_topic, now)
        or _model(evidence, texts, symptoms)
        or _data(evidence, texts, symptoms)
        or Cause(
            AUDIENCE, 0.7, "many people write differently: the texts' wording, the accounts and the model are as usual"
        )
    )


def _bots(evidence: Evidence, texts: Sequence[Text], now: float) -> Cause | None:
    posts = [text for text in texts if text.entity == "post"]
    if len(posts) < MIN_TEXTS:
        return None
    accounts = {text.user for text in posts}
    few = few_hands(posts)
    new = evidence.young(accounts, now)
    young = new >= max(YOUNG, MORE_YOUNG + evidence.young(_others(evidence, accounts), now))
    same = alike(posts)
    if same < ALIKE or not (few or young):
        return None
    why = (
        f"a raid by bots: {len(posts)} posts by {len(accounts)} accounts, {same:.0%} of them in nearly the same words"
        + (f", {new:.0%} of the accounts never seen before" if young else "")
    )
    return Cause(BOTS, 0.8 + 0.15 * (few and young), why)


def _others(evidence: Evidence, accounts: set[str]) -> set[str]:
    return {text.user for text in evidence.recent()} - accounts


def _model(evidence: Evidence, texts: Sequence[Text], symptoms: Sequence[Symptom]) -> Cause | None:
    version = evidence.new_version(texts)
    grew = any(each.measure == MEASURES[VOLUME] and each.series.kind == ALL for each in symptoms)
    if version is None or grew:
        return None
    return Cause(MODEL, 0.9, f"model version {version} began to score, and as many texts come as usual")


def _data(evidence: Evidence, texts: Sequence[Text], symptoms: Sequence[Symptom]) -> Cause | None:
    length, unknown = evidence.length_shift(texts), evidence.unknown_words(texts)
    signs = (length >= LENGTH_SHIFT) + (unknown >= UNKNOWN_WORDS)
    if not signs or (signs == 1 and any(each.new for each in symptoms)):
        return None
    why = f"the texts are of another kind: lengths differ (PSI {length:.2f}), {unknown:.0%} of the words are new"
    return Cause(DATA, 0.6 + 0.15 * signs, why)

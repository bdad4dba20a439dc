"""Names the machine beside a figure: its cores and memory, and how fast it is now, measured with VADER.

Machines of the same description differ by a factor of two and more, and so does one machine under other work. VADER is
pure Python that everybody can run, so its rate lets a reader compare figures from different machines.
"""

from __future__ import annotations

import os
import platform
import time

from harness.bench.texts import tweets

TEXTS = 2_000
ROUNDS = 3


def vader_rate(texts: list[str] | None = None) -> int:
    """Texts a second that VADER scores in one thread, the best of ROUNDS; `texts`: by default labelled tweets."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    score = SentimentIntensityAnalyzer().polarity_scores
    chosen = tweets()[:TEXTS] if texts is None else texts
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for text in chosen:
            score(text)
        best = min(best, time.perf_counter() - began)
    return round(len(chosen) / best)


def description() -> str:
    """Cores, memory, system and VADER rate, for a page."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"
    return f"{system}, VADER {vader_rate():,} texts/s in one thread"

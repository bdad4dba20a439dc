"""Shadow scoring: scores a sample with the version that has the alias `challenger`; its scores are never served.

The version is checked and loaded on the driver, away from the champion. A version that cannot be loaded, or that fails
on real texts, is refused until the hop restarts: the reason is reported for the watch hop, and a tag closes the gate of
its promotion.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import pandas as pd

from streaming.errors import ModelUnusable
from streaming.scoring.archive import Predict, checked_model, score_texts
from streaming.scoring.registry import PAUSE_AFTER_FAILURE, ChallengerRegistry

log = logging.getLogger(__name__)

# The tags of shadow scoring that `moodstream model promote` reads.
TEXTS, AGREEMENT, FAILURES = "shadow_texts", "shadow_agreement", "shadow_failures"
LABELLED, LABELLED_F1, SERVED_F1 = "labelled_texts", "labelled_macro_f1", "labelled_served_macro_f1"


class Challenger:
    """Follows the alias `challenger` and scores with its version. `report` receives the reason by refused version."""

    def __init__(
        self,
        registry: ChallengerRegistry,
        report: Callable[[Mapping[str, str]], None],
        load: Callable[[bytes, str], Predict] = checked_model,
    ) -> None:
        self._registry = registry
        self._on_refused = report
        self._load = load
        self._ready: tuple[str, Predict] | None = None
        self._named: str | None = None
        self._ask_again = 0.0
        self._refused: dict[str, str] = {}
        self._reported: dict[str, str] = {}

    def version(self) -> str | None:
        """The version to score with now, loaded; None if none is usable. Never raises for a bad model."""
        if time.monotonic() < self._ask_again:
            return None
        try:
            self._named = self._registry.challenger()
        except Exception as error:
            self._ask_again = time.monotonic() + PAUSE_AFTER_FAILURE
            log.warning("the registry did not return the challenger: %s", error)
        named = self._named
        self._report({version: why for version, why in self._refused.items() if version == named})
        return named if named is not None and self._is_ready(named) else None

    def score(self, version: str, texts: Sequence[str]) -> pd.DataFrame | None:
        """Scores of the texts; None if the version cannot score them, which also refuses it."""
        if not self._is_ready(version) or self._ready is None:
            return None
        try:
            return score_texts(self._ready[1], pd.Series(texts, dtype=object))
        except Exception as error:
            self._refuse(version, f"fails on real texts: {error}")
            return None

    def note(self, version: str, texts: int, agreements: int) -> None:
        """Tag the version with its texts so far, and with the share on which it agrees with the served version."""
        self._tag(version, {TEXTS: str(texts), AGREEMENT: f"{agreements / texts:.4f}"} if texts else {})

    def made_at(self, version: str) -> datetime | None:
        """When the version was registered; None if the registry does not answer."""
        try:
            return self._registry.made_at(version)
        except Exception as error:
            log.warning("the registry did not return the age of version %s: %s", version, error)
            return None

    def note_labelled(self, version: str, texts: int, macro_f1: float, served: float) -> None:
        """Tag the version with its macro-F1 on labelled texts, and with that of the served versions on them."""
        self._tag(version, {LABELLED: str(texts), LABELLED_F1: f"{macro_f1:.4f}", SERVED_F1: f"{served:.4f}"})

    def _is_ready(self, version: str) -> bool:
        if version in self._refused:
            return False
        if self._ready is not None and self._ready[0] == version:
            return True
        try:
            self._ready = (version, self._load(self._registry.download(version), version))
        except ModelUnusable as error:
            self._refuse(version, str(error))
            return False
        except Exception as error:
            self._ask_again = time.monotonic() + PAUSE_AFTER_FAILURE
            self._report({version: f"cannot be fetched: {error}"})
            return False
        log.info("shadow scoring with version %s", version)
        self._report({})
        return True

    def _refuse(self, version: str, why: str) -> None:
        self._refused[version] = why
        log.error("challenger %s refused: %s", version, why)
        self._report({version: why})
        self._tag(version, {FAILURES: "1"})

    def _report(self, refused: dict[str, str]) -> None:
        if refused != self._reported:
            self._on_refused(refused)
            self._reported = refused

    def _tag(self, version: str, tags: Mapping[str, str]) -> None:
        try:
            self._registry.tag(version, tags)
        except Exception as error:
            log.warning("version %s could not be tagged: %s", version, error)

"""The challenger: the version of the alias `challenger`, tried out and loaded on the driver, for no more than a look.

Whatever is wrong with it touches nothing that serves: a version that cannot be loaded, or that fails on real texts, is
refused until the hop starts anew, the reason is written down for the watch hop, and promotion is closed by a tag.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import pandas as pd

from streaming.errors import ModelUnusable
from streaming.scoring.champion import (
    PAUSE_AFTER_FAILURE,
    Predict,
    loaded,
    score_texts,
)

log = logging.getLogger(__name__)

# What `moodstream model promote` reads of a version's run in the shadow.
TEXTS, AGREEMENT, FAILURES = "shadow_texts", "shadow_agreement", "shadow_failures"
LABELLED, LABELLED_F1, SERVED_F1 = "labelled_texts", "labelled_macro_f1", "labelled_served_macro_f1"


class Registry(Protocol):
    """Where challengers come from; scoring.MlflowRegistry in earnest."""

    def challenger(self) -> str | None:
        """The version that the alias names now, if any; raises any exception when it cannot be told."""
        ...

    def download(self, version: str) -> bytes:
        """The version's artefact as a tar archive."""
        ...

    def made_at(self, version: str) -> datetime:
        """When the version was registered."""
        ...

    def tag(self, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of the version."""
        ...


class Challenger:
    """Follows the alias and scores with what it names. `tell` is given the reason by refused version."""

    def __init__(
        self,
        registry: Registry,
        tell: Callable[[Mapping[str, str]], None],
        load: Callable[[bytes, str], Predict] = loaded,
    ) -> None:
        self._registry = registry
        self._tell = tell
        self._load = load
        self._ready: tuple[str, Predict] | None = None
        self._named: str | None = None
        self._ask_again = 0.0
        self._refused: dict[str, str] = {}
        self._told: dict[str, str] = {}

    def version(self) -> str | None:
        """The version to score with now, loaded; None where there is no usable one. Never raises for a bad model."""
        if time.monotonic() < self._ask_again:
            return None
        try:
            self._named = self._registry.challenger()
        except Exception as error:
            self._ask_again = time.monotonic() + PAUSE_AFTER_FAILURE
            log.warning("the registry does not tell the challenger: %s", error)
        named = self._named
        self._say({version: why for version, why in self._refused.items() if version == named})
        return named if named is not None and self._is_ready(named) else None

    def score(self, version: str, texts: Sequence[str]) -> pd.DataFrame | None:
        """Scores of the texts, or None where the version cannot score them, and is refused for it."""
        if not self._is_ready(version) or self._ready is None:
            return None
        try:
            return score_texts(self._ready[1], pd.Series(texts, dtype=object))
        except Exception as error:
            self._refuse(version, f"fails on real texts: {error}")
            return None

    def note(self, version: str, texts: int, agreements: int) -> None:
        """Write on the version what its run in the shadow came to so far."""
        self._tag(version, {TEXTS: str(texts), AGREEMENT: f"{agreements / texts:.4f}"} if texts else {})

    def made_at(self, version: str) -> datetime | None:
        """When the version was registered; None where the registry does not tell."""
        try:
            return self._registry.made_at(version)
        except Exception as error:
            log.warning("the registry does not tell the age of version %s: %s", version, error)
            return None

    def note_labelled(self, version: str, texts: int, macro_f1: float, served: float) -> None:
        """Write on the version how it did on texts that people labelled, and how what was served there did."""
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
            self._say({version: f"cannot be fetched: {error}"})
            return False
        log.info("version %s runs in the shadow", version)
        self._say({})
        return True

    def _refuse(self, version: str, why: str) -> None:
        self._refused[version] = why
        log.error("challenger %s refused: %s", version, why)
        self._say({version: why})
        self._tag(version, {FAILURES: "1"})

    def _say(self, refused: dict[str, str]) -> None:
        if refused != self._told:
            self._tell(refused)
            self._told = refused

    def _tag(self, version: str, tags: Mapping[str, str]) -> None:
        try:
            self._registry.tag(version, tags)
        except Exception as error:
            log.warning("version %s could not be tagged: %s", version, error)

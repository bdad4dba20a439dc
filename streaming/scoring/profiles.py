"""The served versions on the driver, for the profiles that drift is told by; and the request to train a new one.

A version's archive is read from where the refine hop keeps what it serves, so no registry is needed to watch. The
request is a tag of the registered model: the retraining workflow reads it, and `moodstream model train` answers it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from streaming.scoring.champion import PAUSE_AFTER_FAILURE, unpacked

log = logging.getLogger(__name__)

# The champion and the one before it: around a moved alias both have served.
KEPT = 2
REQUEST = "retraining_request"
# The same labels make the same model: asking again before there may be new ones is in vain.
ASK_EVERY = timedelta(days=7)


class Profilers:
    """Loads versions for their `profile`, `drift` and `diagnose`; `archive` hands out what was served."""

    def __init__(self, archive: Callable[[str], bytes | None], load: Callable[[bytes], Any] = unpacked) -> None:
        self._archive = archive
        self._load = load
        self._loaded: dict[str, Any] = {}

    def of(self, version: str) -> Any | None:
        """The version's model; None where it is gone, cannot be loaded, or tells no profiles. Never raises for it."""
        if version not in self._loaded:
            self._loaded = {**dict(list(self._loaded.items())[1 - KEPT :]), version: self._opened(version)}
        return self._loaded[version]

    def _opened(self, version: str) -> Any | None:
        archive = self._archive(version)
        try:
            model = None if archive is None else self._load(archive)
        except Exception as error:
            log.warning("no drift of version %s, it cannot be loaded: %s", version, error)
            return None
        if all(callable(getattr(model, name, None)) for name in ("profile", "drift", "diagnose")):
            return model
        log.warning("no drift of version %s: it tells no profiles, or it is gone", version)
        return None


class Registry(Protocol):
    """Where a request is left; scoring.MlflowRegistry in earnest."""

    def model_tags(self) -> Mapping[str, str]:
        """The tags of the registered model."""
        ...

    def tag_model(self, name: str, value: str) -> None:
        """Set a tag of the registered model."""
        ...


class Retraining:
    """Asks for a new model: one request at a time, and the next after ASK_EVERY. Safe to repeat."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._ask_again = 0.0

    def ask(self, cause: str, version: str, why: str, now: datetime) -> bool:
        """Whether a request was left; never raises, a registry that does not answer is asked again later."""
        if time.monotonic() < self._ask_again:
            return False
        try:
            last = _requested(self._registry.model_tags())
            if last is not None and now - last < ASK_EVERY:
                return False
            request = {"cause": cause, "version": version, "why": why, "requested_at": now.isoformat()}
            self._registry.tag_model(REQUEST, json.dumps(request))
        except Exception as error:
            self._ask_again = time.monotonic() + PAUSE_AFTER_FAILURE
            log.warning("a new model could not be asked for: %s", error)
            return False
        log.warning("%s", json.dumps({"event": "retraining_request", **request}))
        return True


def _requested(tags: Mapping[str, str]) -> datetime | None:
    """When a model was asked for last."""
    try:
        return datetime.fromisoformat(json.loads(tags[REQUEST])["requested_at"])
    except (KeyError, ValueError, TypeError):
        return None

"""Drift: loads served models to compute drift profiles, keeps gold/drift_by_hour, and files retraining requests.

A row of gold is read, added to and replaced in one commit that carries the batch's number. That is safe because gold
has no other writer of the table, and because a replayed batch is recognised by its number and left out.

A version's archive is read from the folder where the refine hop keeps the versions that it serves, so this needs no
registry. A request is a tag of the registered model: the retraining workflow reads it, and `moodstream model train`
answers it.
"""

from __future__ import annotations

import inspect
import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from streaming.delta.merge import KeyedMerge
from streaming.delta.tables import open_table, read, recent
from streaming.scoring.archive import unpacked
from streaming.scoring.registry import PAUSE_AFTER_FAILURE, ModelTags
from streaming.settings import Settings
from streaming.tables import gold_drift_by_hour

log = logging.getLogger(__name__)

# The champion and the one before it: around a moved alias both have served.
KEPT = 2
REQUEST = "retraining_request"
# The same labels make the same model, so a second request before there may be new labels is useless.
ASK_EVERY = timedelta(days=7)
# Seconds between two looks at gold for a reason to request a new model.
LOOK_EVERY_S = 60.0


class Drift:
    """Adds profiles of texts to gold, and requests a new model where the data changed."""

    def __init__(self, settings: Settings, profilers: Profilers, retraining: Retraining) -> None:
        self._settings = settings
        self._profilers = profilers
        self._retraining = retraining
        self._look_at = 0.0
        self._first_days: list[Mapping[str, Any]] | None = None

    def count(self, texts: pa.Table, gold: KeyedMerge, batch: int) -> None:
        """Add the texts of a batch to gold, once however often it is called; raises what the storage raises."""
        hours = texts.append_column("hour", pc.floor_temporal(texts["arrival_time"], unit="hour"))
        keys = hours.group_by(["hour", "model_version"]).aggregate([]).sort_by("hour").to_pylist()
        if not keys:
            return
        known = self._known(keys[0]["hour"], keys[-1]["hour"])
        rows = []
        for key in keys:
            own = pc.and_(*(pc.equal(hours[name], pa.scalar(key[name], hours[name].type)) for name in key))
            row = self._row(key, hours.filter(own)["text"].to_pylist(), known)
            rows += [row] if row else []
        if rows:
            gold.apply(gold_drift_by_hour.table_of(rows), batch)
        self._ask(keys[-1]["hour"])

    def _row(self, key: Mapping[str, Any], texts: list[str], known: list[Mapping[str, Any]]) -> dict[str, Any] | None:
        model = self._profilers.of(key["model_version"])
        if model is None:
            return None
        try:
            return gold_drift_by_hour.row(key["hour"], key["model_version"], texts, model, known)
        except Exception as error:  # a model's own code may raise anything; shadow scoring and the next hour go on
            log.warning("no drift of version %s in this batch: %s", key["model_version"], error)
            return None

    def _known(self, first: datetime, last: datetime) -> list[Mapping[str, Any]]:
        """The rows of the last days and of each version's first day, which is the reference of the later ones."""
        if self._first_days is None:
            rows = read(open_table(self._settings, gold_drift_by_hour.NAME)).to_pylist()
            self._first_days = gold_drift_by_hour.first_days(rows)
        rows = recent(self._settings, gold_drift_by_hour.TABLE, first - gold_drift_by_hour.LOOK_BACK, last)
        every = {(row["hour"], row["model_version"]): row for row in (*self._first_days, *rows)}
        self._first_days = gold_drift_by_hour.first_days(every.values())
        return list(every.values())

    def _ask(self, hour: datetime) -> None:
        """Request a new model if gold says that the data of the newest hour changed for a version."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        for row in recent(self._settings, gold_drift_by_hour.TABLE, hour, hour):
            if row["changed"] == gold_drift_by_hour.DATA:
                why = f"{row['diagnosis']} (version {row['model_version']}, {row['hour']:%Y-%m-%d %H:%M} UTC)"
                self._retraining.ask(row["changed"], row["model_version"], why, datetime.now(UTC))


class Profilers:
    """Loads served versions for their `profile`, `drift` and `diagnose`. `archive` returns a version's tar archive."""

    def __init__(self, archive: Callable[[str], bytes | None], load: Callable[[bytes], Any] = unpacked) -> None:
        self._archive = archive
        self._load = load
        self._loaded: dict[str, Any] = {}

    def of(self, version: str) -> Any | None:
        """The version's model; None if it is gone, cannot be loaded, or computes no profiles. Never raises."""
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
        if model is not None and all(callable(getattr(model, name, None)) for name in ("profile", "drift", "diagnose")):
            if "reference" in inspect.signature(model.drift).parameters:
                return model
            log.warning("no drift of version %s: it compares with its training texts only; train a new one", version)
            return None
        log.warning("no drift of version %s: it computes no profiles, or its archive is gone", version)
        return None


class Retraining:
    """Requests a new model: one request at a time, the next one after ASK_EVERY. Safe to repeat."""

    def __init__(self, registry: ModelTags) -> None:
        self._registry = registry
        self._ask_again = 0.0

    def ask(self, cause: str, version: str, why: str, now: datetime) -> bool:
        """True if a request was filed. Never raises: a registry that does not answer is asked again later."""
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
            log.warning("the request for a new model could not be filed: %s", error)
            return False
        told = {"event": "retraining_request", **request}
        log.warning("%s", json.dumps(told), extra={"fields": told})
        return True


def _requested(tags: Mapping[str, str]) -> datetime | None:
    """When the last request was filed; None if there is none."""
    try:
        return datetime.fromisoformat(json.loads(tags[REQUEST])["requested_at"])
    except (KeyError, ValueError, TypeError):
        return None

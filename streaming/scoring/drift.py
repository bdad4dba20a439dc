"""What `observe` does for drift: profiles by hour and version in gold/drift_by_hour, and the request for a new model.

A row of gold is read, added to and replaced in one commit that carries the batch's number. That is safe since there is
no other writer of it, and a repeated batch is left out by its number.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from streaming.delta.merge import KeyedMerge
from streaming.delta.tables import recent
from streaming.scoring.profiles import Profilers, Retraining
from streaming.settings import Settings
from streaming.tables import gold_drift_by_hour

log = logging.getLogger(__name__)

# How often gold is looked at for a reason to ask.
LOOK_EVERY_S = 60.0


class Drift:
    """Adds the profiles of texts up in gold, and asks for a new model where the data changed."""

    def __init__(self, settings: Settings, profilers: Profilers, retraining: Retraining) -> None:
        self._settings = settings
        self._profilers = profilers
        self._retraining = retraining
        self._look_at = 0.0

    def count(self, texts: pa.Table, gold: KeyedMerge, batch: int) -> None:
        """Bring the texts of a batch to gold, once however often it is called; raises what the storage raises."""
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

    def _row(self, key: Mapping[str, Any], texts: list[str], known: list[dict[str, Any]]) -> dict[str, Any] | None:
        model = self._profilers.of(key["model_version"])
        if model is None:
            return None
        try:
            return gold_drift_by_hour.row(key["hour"], key["model_version"], texts, model, known)
        except Exception as error:  # a model's own code: whatever it does, the shadow and the next hour go on
            log.warning("no drift of version %s in this batch: %s", key["model_version"], error)
            return None

    def _known(self, first: datetime, last: datetime) -> list[dict[str, Any]]:
        return recent(self._settings, gold_drift_by_hour.TABLE, first - gold_drift_by_hour.LOOK_BACK, last)

    def _ask(self, hour: datetime) -> None:
        """Ask for a new model, by what gold holds, where the newest hour's texts are not what a version knows."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        for row in recent(self._settings, gold_drift_by_hour.TABLE, hour, hour):
            if row["changed"] == gold_drift_by_hour.DATA:
                why = f"{row['diagnosis']} (version {row['model_version']}, {row['hour']:%Y-%m-%d %H:%M} UTC)"
                self._retraining.ask(row["changed"], row["model_version"], why, datetime.now(UTC))

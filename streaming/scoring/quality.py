"""What `observe` does with people's labels: quality by hour and version in gold/labelled_by_hour, challenger tags.

Counted anew from the labels of the last WINDOW whenever there are new ones or another challenger, and put in place in
one commit: a repetition changes nothing, a correction or an erasure is followed. Labels are made by people, so they are
few; that is what makes this cheap.

Only labels newer than the challenger count for it; it may have been trained on older ones. Labels of texts that were
chosen because the champion was uncertain of them count for no version: it errs there more often than elsewhere.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import write_deltalake
from deltalake.exceptions import CommitFailedError

from streaming.delta.tables import open_table, read
from streaming.scoring.challenger import Challenger
from streaming.settings import Settings
from streaming.tables import gold_labelled_by_hour, silver_labels
from streaming.tables.gold_labelled_by_hour import (
    CHALLENGER,
    CHAMPION,
    macro_f1,
    totals,
)
from streaming.tables.keyed_table import TIMESTAMP

log = logging.getLogger(__name__)

LOOK_EVERY_S = 15.0
# By the time of the event: what was labelled of longer ago changes nothing any more.
WINDOW = timedelta(days=30)
COLUMNS = ["event_time", "text", "label", "labelled_at", "sentiment", "model_version", "drawn"]


class Quality:
    """Follows silver/labels and the challenger."""

    def __init__(self, settings: Settings, challenger: Challenger) -> None:
        self._settings = settings
        self._challenger = challenger
        self._seen: tuple[int, str | None] | None = None
        self._look_at = 0.0

    def __call__(self, challenger: str | None) -> None:
        """Bring gold up to the labels; `challenger`: the version to judge as well. Raises what the storage raises."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        labels = open_table(self._settings, silver_labels.NAME)
        if self._seen == (labels.version(), challenger):
            return
        since = datetime.combine((datetime.now(UTC) - WINDOW).date(), datetime.min.time(), UTC)
        rows = read(labels, COLUMNS, f"event_time >= '{since.isoformat()}'")
        served = rows.filter(_fair(rows))
        counted = gold_labelled_by_hour.rows(served, served["sentiment"], served["model_version"], CHAMPION)
        judged = self._judged(served, challenger) if challenger else None
        try:
            self._put([counted, *([] if judged is None else [judged])], None if judged is None else challenger, since)
        except CommitFailedError as error:
            log.info("%s: another commit came first, counting again: %s", gold_labelled_by_hour.NAME, error)
            return
        self._seen = (labels.version(), challenger) if judged is not None or not challenger else None

    def _judged(self, served: pa.Table, challenger: str) -> pa.Table | None:
        """The challenger's rows, and its tags, by the same texts as what was served; None where it cannot be judged."""
        made_at = self._challenger.made_at(challenger)
        if made_at is None:
            return None
        younger = pc.greater(served["labelled_at"], pa.scalar(made_at, TIMESTAMP))
        texts = served.filter(pc.and_(younger, pc.not_equal(served["model_version"], challenger)))
        if not texts.num_rows:
            return gold_labelled_by_hour.TABLE.schema.empty_table()
        scores = self._challenger.score(challenger, texts["text"].to_pylist())
        if scores is None:
            return None
        version = pa.chunked_array([pa.repeat(pa.scalar(challenger), texts.num_rows)])
        own = gold_labelled_by_hour.rows(texts, pa.array(scores["sentiment"], pa.string()), version, CHALLENGER)
        beside = gold_labelled_by_hour.rows(texts, texts["sentiment"], texts["model_version"], CHAMPION)
        f1, served_f1 = (macro_f1(totals(each)) for each in (own, beside))
        self._challenger.note_labelled(challenger, texts.num_rows, f1, served_f1)
        return own

    def _put(self, counted: list[pa.Table], judged: str | None, since: datetime) -> None:
        """Replace the hours from `since` on, but for what was counted of challengers that are not `judged` now."""
        gold = open_table(self._settings, gold_labelled_by_hour.NAME)
        hours = f"hour >= '{since.isoformat()}'"
        known = read(gold, gold_labelled_by_hour.TABLE.schema.names, hours).cast(gold_labelled_by_hour.TABLE.schema)
        former = pc.and_(pc.equal(known["role"], CHALLENGER), pc.not_equal(known["model_version"], judged or ""))
        rows = pa.concat_tables([*counted, known.filter(former)])
        if rows.num_rows or known.num_rows:
            write_deltalake(gold, rows, mode="overwrite", predicate=hours)


def _fair(labels: pa.Table) -> pa.ChunkedArray:
    """True for labels that evaluate a model: of served texts, and not chosen because the champion was uncertain."""
    uncertain = pc.equal(labels["drawn"].fill_null(""), silver_labels.UNCERTAIN)
    return pc.and_not(pc.and_(labels["sentiment"].is_valid(), labels["model_version"].is_valid()), uncertain)

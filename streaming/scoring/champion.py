"""In-stream scoring with the registered champion, pinned per micro-batch.

The alias is resolved once per batch, and the version is written down before the batch is scored, so that a replay is
scored by the same version. The driver downloads, checks and keeps a copy of each version. Executors receive the copy by
broadcast and load it once per worker. So neither a moved alias nor an outage of the registry restarts a query.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from streaming import batch_record
from streaming.errors import ModelUnusable, SinkUnavailable
from streaming.files import Files
from streaming.scoring.archive import Model, checked_model, model_of
from streaming.scoring.each_text import SCORE, SCORE_OR_ERROR, judged_each
from streaming.scoring.language import judged
from streaming.scoring.registry import PAUSE_AFTER_FAILURE, ChampionRegistry
from streaming.tables.columns import SENTIMENT_FIELDS

log = logging.getLogger(__name__)

# What a scorer adds.
ADDED = StructType([*SCORE.fields, SENTIMENT_FIELDS[3]])
_VERSION = ADDED.names[-1]
_ARROW_SCORE, _ARROW_SCORE_OR_ERROR = to_arrow_schema(SCORE), to_arrow_schema(SCORE_OR_ERROR)


class Champion:
    """Scores micro-batches with the current champion; one object per query, on the driver.

    It keeps its state in `folder`, beside the checkpoint. `pins.json`: each change of version with its first batch.
    `VERSION.tar`: a copy of each pinned version. `refused.json`: why the version with the alias does not serve, if it
    does not (the watch hop alerts on it).
    """

    def __init__(self, spark: SparkSession, registry: ChampionRegistry, files: Files, folder: str) -> None:
        self._spark = spark
        self._registry = registry
        self._files = files
        self._folder = folder
        self._pins = [(int(first), str(name)) for first, name in files.read_json(f"{folder}/pins.json") or []]
        self._ready: dict[str, Broadcast[bytes]] = {}
        self._ask_again = 0.0
        self._reported: Mapping[str, str] | None = None
        self.refused: dict[str, str] = {}

    def scorer(self, batch: int, *, each: bool = False) -> Scorer:
        """What scores this batch, for `mapInArrow`, alone or followed by more that a worker does in the same pass.

        `each`: for a batch that keeps failing, see Scorer.
        """
        version = self.version(batch)
        batch_record.scored_with(version)
        return Scorer(partial(_model_in, self._ready[version]), version, each)

    def score(self, rows: DataFrame, batch: int) -> DataFrame:
        """Add the columns of ADDED; null where `text` is null."""
        return rows.mapInArrow(self.scorer(batch), StructType([*rows.schema.fields, *ADDED.fields]))

    def version(self, batch: int) -> str:
        """The version that scores this batch.

        The first batch after a start may be a replay, and is scored as pinned; each later one follows the alias.
        """
        may_be_replay = bool(self._pins) and not self._ready
        if not may_be_replay:
            self._follow_alias(batch)
        version = self._pinned()
        if version is None:
            raise SinkUnavailable("no usable champion yet: train one with `moodstream model train`")
        if version not in self._ready:
            self._ready[version] = self._prepare(version)
        return version

    def fall_back(self, batch: int, why: str) -> bool:
        """Pin the previous version from `batch` on: the pinned one failed on real texts. False if there is none.

        Call it only while nothing of `batch` has been written.
        """
        failed = self._pinned()
        sound = [name for _, name in self._pins if name != failed and name not in self.refused]
        if failed is None or not sound:
            return False
        self._refuse(failed, why)
        self._pin(batch, sound[-1])
        return True

    def _pinned(self) -> str | None:
        return self._pins[-1][1] if self._pins else None

    def _follow_alias(self, batch: int) -> None:
        """Pin the version with the alias, if it is new and usable; after any failure the pinned one goes on serving."""
        if time.monotonic() < self._ask_again:
            return
        named = None
        try:
            named = self._registry.champion()
            if named == self._pinned() or named in self.refused:
                self._report({version: why for version, why in self.refused.items() if version == named})
                return
            self._ready[named] = self._prepare(named)
        except ModelUnusable as error:
            self._refuse(str(named), str(error))
        except Exception as error:
            self._ask_again = time.monotonic() + PAUSE_AFTER_FAILURE
            log.warning("version %s goes on serving, the registry fails: %s", self._pinned(), error)
            if named is not None:
                self._report({named: f"cannot be fetched: {error}"})
        else:
            self._pin(batch, named)
            self._report({})

    def _prepare(self, version: str) -> Broadcast[bytes]:
        """Download, check and broadcast a version; raises ModelUnusable, or what the registry raises."""
        kept = f"{self._folder}/{version}.tar"
        archive = self._files.read(kept)
        if archive is None:
            archive = self._registry.download(version)
            checked_model(archive, version)
            self._files.write(kept, archive)
        return self._spark.sparkContext.broadcast(archive)

    def _pin(self, batch: int, version: str) -> None:
        self._pins = [pin for pin in self._pins if pin[0] < batch] + [(batch, version)]
        self._files.write_json(f"{self._folder}/pins.json", self._pins)
        log.info("from batch %d on: model version %s", batch, version)

    def _refuse(self, version: str, why: str) -> None:
        self.refused[version] = why
        log.error("model version %s refused: %s", version, why)
        self._report({version: why})

    def _report(self, refused: Mapping[str, str]) -> None:
        if refused != self._reported:
            self._files.write_json(f"{self._folder}/refused.json", refused)
            self._reported = refused


def _model_in(archive: Broadcast[bytes]) -> Model:
    return model_of(archive.value)


_loaded: dict[str, Model] = {}


@dataclass(frozen=True)
class Scorer:
    """Adds the columns of ADDED to Arrow batches with a column `text`; nulls where `text` is null.

    `lang`, where the rows have it, says what the events say of their languages (see scoring/language.py).

    Runs in Spark's Python workers, and a worker loads each version once. That needs a class of a module: Spark sends a
    nested function together with a copy of the globals that it names, so that every task would find `_loaded` empty.
    Raises ModelUnusable, and names the version, if the model fails on a text. With `each` it does not: such a text has
    no score, and the error in the further column `score_error`.
    """

    load: Callable[[], Model]
    version: str
    each: bool = False

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches with more columns."""
        for batch in batches:
            texts = batch.column("text")
            tags = batch.column("lang") if "lang" in batch.schema.names else pa.nulls(batch.num_rows, pa.string())
            judgements = self._judged(texts.to_pandas(), tags.to_pandas())
            schema = _ARROW_SCORE_OR_ERROR if self.each else _ARROW_SCORE
            scores = pa.RecordBatch.from_pandas(judgements, schema, preserve_index=False)
            version = pc.if_else(texts.is_valid(), self.version, pa.scalar(None, pa.string()))
            names = [*batch.schema.names, *schema.names, _VERSION]
            yield pa.RecordBatch.from_arrays([*batch.columns, *scores.columns, version], names)

    def _judged(self, texts: pd.Series, tags: pd.Series) -> pd.DataFrame:
        if self.version not in _loaded:
            model = self.load()
            # A worker may live as long as the job: it keeps one version, that of the batch.
            _loaded.clear()
            _loaded[self.version] = model
        try:
            how = judged_each if self.each else judged
            return how(_loaded[self.version], texts, tags)
        except Exception as error:
            raise ModelUnusable(f"version {self.version}: {error}") from error

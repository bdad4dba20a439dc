"""Scores texts where a model fails on some of them: the others get their scores, and each failure its error."""

from __future__ import annotations

import pandas as pd
from pyspark.sql.types import StringType, StructField, StructType

from streaming.errors import ModelUnusable
from streaming.quarantine.bisect import bisect
from streaming.quarantine.writing import SCORE_ERROR
from streaming.scoring.archive import Model
from streaming.scoring.language import judged
from streaming.tables.columns import LANGUAGE_FIELDS, SENTIMENT_FIELDS

SCORE = StructType([*SENTIMENT_FIELDS[:3], *LANGUAGE_FIELDS])
SCORE_OR_ERROR = StructType([*SCORE.fields, StructField(SCORE_ERROR, StringType())])


def judged_each(model: Model, texts: pd.Series, tags: pd.Series) -> pd.DataFrame:
    """The scores of `language.judged`, null where the model fails, and why in SCORE_ERROR (null elsewhere).

    Raises TooManyRefused if the model fails on so many texts that the texts are not the fault.
    """

    def scored(start: int, stop: int) -> list[pd.DataFrame]:
        try:
            return [judged(model, texts.iloc[start:stop], tags.iloc[start:stop]).set_axis(range(start, stop))]
        except Exception as error:  # a model is anybody's code: whatever it raises, it raises because of the texts
            raise ModelUnusable(str(error)) from error

    done, refused = bisect(len(texts), scored)
    frame = pd.concat(done) if done else pd.DataFrame(columns=SCORE.names)
    frame = frame.reindex(range(len(texts)))
    why = {each.position: str(each.error) for each in refused}
    frame[SCORE_ERROR] = pd.Series([why.get(place) for place in range(len(texts))], dtype=object)
    return frame.astype({"polarity": float, "confidence": float})

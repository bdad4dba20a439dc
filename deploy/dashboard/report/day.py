"""Reads one UTC day of a lake, and the day before it for comparison."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pandas as pd
from deltalake.exceptions import TableNotFoundError

from deploy.dashboard import change
from deploy.dashboard.change import Change, Net
from streaming.delta.tables import open_table, read
from streaming.settings import Settings

ONE = timedelta(days=1)
STRONGEST = 5  # texts of each sentiment that the report quotes


@dataclass(frozen=True)
class Day:
    """The data of a day's report. Frames have gold's columns; `drivers`: the result of `change.drivers` by kind."""

    day: date
    minutes: pd.DataFrame
    compared: Change
    drivers: dict[str, pd.DataFrame]
    terms: pd.DataFrame
    cohorts: pd.DataFrame
    rejected: pd.DataFrame
    lags: pd.DataFrame
    strongest: dict[str, pd.DataFrame]

    @property
    def net(self) -> Net:
        """The day's net sentiment."""
        return self.compared.now

    @property
    def summary(self) -> str:
        """The day in a sentence."""
        return change.sentence(self.compared, self.drivers, "the day before")

    @classmethod
    def read(cls, settings: Settings, day: date) -> Day:
        """The day's rows; a table that does not exist yet counts as empty."""
        begin = datetime.combine(day, time.min, UTC)

        def two_days(name: str, column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
            frame = rows(settings, name, column, begin - ONE, begin + ONE)
            if frame.empty:
                return frame, frame
            early = frame[column] < begin
            return frame[early], frame[~early]

        before, minutes = two_days("gold/sentiment_by_minute", "minute")
        topics = two_days("gold/sentiment_by_topic", "minute")
        cohorts = two_days("gold/sentiment_by_cohort", "hour")
        terms = two_days("gold/terms_by_hour", "hour")
        quality = two_days("gold/quality_by_minute", "minute")[1]
        return cls(
            day,
            minutes,
            Change(change.net(minutes), change.net(before)),
            {
                "topic": change.drivers(topics[1], topics[0], ["topic"]),
                "cohort": change.drivers(cohorts[1], cohorts[0], ["location", "age_band"]),
                "word": change.drivers(terms[1], terms[0], ["term"]),
            },
            terms[1],
            cohorts[1],
            quality[quality["entity"] == "rejected"] if not quality.empty else quality,
            two_days("gold/freshness", "committed_at")[1],
            _strongest(settings, begin),
        )


def rows(settings: Settings, name: str, column: str, since: datetime, until: datetime) -> pd.DataFrame:
    """The rows of a table with a time in [since, until); empty if the table does not exist."""
    within = f"{column} >= '{since.isoformat()}' AND {column} < '{until.isoformat()}'"
    try:
        frame: pd.DataFrame = read(open_table(settings, name), predicate=within).to_pandas()
    except TableNotFoundError:
        return pd.DataFrame()
    return frame


def newest_day(settings: Settings) -> date | None:
    """The UTC day of gold's newest minute; None before the first scored text."""
    try:
        minutes = read(open_table(settings, "gold/sentiment_by_minute"), ["minute"]).to_pandas()
    except TableNotFoundError:
        return None
    return None if minutes.empty else minutes["minute"].max().to_pydatetime().astimezone(UTC).date()


def _strongest(settings: Settings, begin: datetime) -> dict[str, pd.DataFrame]:
    """The texts of the day with the strongest sentiment, negative and positive."""
    posts = rows(settings, "silver/posts", "event_time", begin, begin + ONE)
    if posts.empty:
        return {}
    distinct = posts.dropna(subset=["polarity"]).drop_duplicates("text")
    return {"negative": distinct.nsmallest(STRONGEST, "polarity"), "positive": distinct.nlargest(STRONGEST, "polarity")}

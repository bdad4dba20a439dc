"""Gold computed again from silver, table by table, and compared by key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.audit.silver import ENTITIES
from harness.audit.texts import count_words

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TOLERANCE = 1e-6
COUNTS = ("events", "negative", "neutral", "positive")
SUMS = ("polarity_sum", "confidence_sum")
MEASURES = (*COUNTS, *SUMS)
MINUTE_US, HOUR_US = 60_000_000, 3_600_000_000
LATE_US = 600_000_000

AGGREGATES = (
    "count(*) as events, count(*) filter (sentiment = 'negative') as negative,"
    " count(*) filter (sentiment = 'neutral') as neutral, count(*) filter (sentiment = 'positive') as positive,"
    " sum(coalesce(polarity, 0)) as polarity_sum, sum(coalesce(confidence, 0)) as confidence_sum"
)
LATE = f"count(*) filter (arrival_us > event_us + {LATE_US}) as late"


@dataclass(frozen=True)
class Check:
    """One gold table: its key columns (the first is a timestamp), its values, and the query that computes them again.

    `total_over` names keys that the audit cannot compute: both sides are summed over them.
    """

    table: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    expected: str
    total_over: tuple[str, ...] = ()

    @property
    def compared(self) -> tuple[str, ...]:
        """The key columns that both sides are grouped by."""
        return tuple(name for name in self.key if name not in self.total_over)


CHECKS = (
    Check("sentiment_by_minute", ("minute", "entity"), (*MEASURES, "late"),
          f"select event_us // {MINUTE_US} * {MINUTE_US} as minute, entity, {AGGREGATES}, {LATE} from texts"
          " group by 1, 2"),
    Check("sentiment_by_topic", ("minute", "topic", "entity"), MEASURES, "select * from topic_counts"),
    Check("sentiment_by_cohort", ("hour", "location", "age_band"), MEASURES,
          f"select event_us // {HOUR_US} * {HOUR_US} as hour, {AGGREGATES} from texts group by 1",
          total_over=("location", "age_band")),
    Check("sentiment_by_model", ("hour", "model_version", "entity"), MEASURES,
          f"select event_us // {HOUR_US} * {HOUR_US} as hour, coalesce(model_version, 'unknown') as model_version,"
          f" entity, {AGGREGATES} from texts group by 1, 2, 3"),
    Check("engagement_by_minute", ("minute", "action"), ("interactions",),
          f"select epoch_us(event_time) // {MINUTE_US} * {MINUTE_US} as minute, action, count(*) as interactions"
          " from interactions group by 1, 2"),
    Check("quality_by_minute", ("minute", "entity", "reason"), ("events", "late"),
          f"select arrival_us // {MINUTE_US} * {MINUTE_US} as minute, entity, reason, count(*) as events, {LATE}"
          " from arrivals group by 1, 2, 3"),
    Check("terms_by_hour", ("hour", "term"), MEASURES, "select * from term_counts"),
    Check("language_by_hour", ("hour", "language", "entity"), ("texts", "unscored"),
          f"select event_us // {HOUR_US} * {HOUR_US} as hour, coalesce(language, 'unknown') as language, entity,"
          " count(*) as texts, count(*) filter (sentiment is null) as unscored from all_texts group by 1, 2, 3"),
)  # fmt: skip


def prepare(connection: DuckDBPyConnection) -> None:
    """Make the views that the checks read: `texts` (scored), `all_texts`, `arrivals`, `topic_counts`, `term_counts`."""
    times = "epoch_us(event_time) as event_us, epoch_us(arrival_time) as arrival_us"
    scored = f"{times}, text, sentiment, polarity, confidence, model_version, language"
    connection.execute(
        f"create or replace view all_texts as select 'post' as entity, {scored} from posts"
        f" union all select 'comment' as entity, {scored} from comments"
    )
    connection.execute("create or replace view texts as select * from all_texts where sentiment is not null")
    parts = [f"select '{entity}' as entity, '' as reason, {times} from {table}" for table, entity in ENTITIES.items()]
    parts.append(f"select 'rejected' as entity, reason, {times} from rejected")
    connection.execute(f"create or replace view arrivals as {' union all '.join(parts)}")
    count_words(connection)


def difference(connection: DuckDBPyConnection, present: Sequence[str]) -> dict[str, Any]:
    """Sum the absolute differences of all values of all tables; floats count if they differ by more than a millionth.

    `present`: the gold tables that exist (as views of that name); the others count as empty.
    """
    by_table = {check.table: _difference(connection, check, check.table in present) for check in CHECKS}
    return {"difference": _tidy(sum(by_table.values())), "by_table": {k: _tidy(v) for k, v in by_table.items()}}


def _difference(connection: DuckDBPyConnection, check: Check, exists: bool) -> float:
    time, *others = check.compared
    sums = ", ".join(f"sum({value}) as {value}" for value in check.values)
    keys = ", ".join([f"epoch_us({time}) as {time}", *others])
    found = f"select {keys}, {sums} from {check.table} group by {', '.join(['epoch_us(' + time + ')', *others])}"
    if not exists:
        found = f"select * from ({check.expected}) where false"
    terms = " + ".join(_term(value) for value in check.values)
    sql = (
        f"select sum({terms}) from ({check.expected}) wanted full outer join ({found}) found"
        f" using ({', '.join(check.compared)})"
    )
    value = connection.execute(sql).fetchall()[0][0]
    return 0.0 if value is None else float(value)


def _term(value: str) -> str:
    gap = f"abs(coalesce(wanted.{value}, 0) - coalesce(found.{value}, 0))"
    if value not in SUMS:
        return gap
    return f"case when {gap} > {TOLERANCE} * (1 + abs(coalesce(wanted.{value}, 0))) then {gap} else 0 end"


def _tidy(value: float) -> float | int:
    return int(value) if value == int(value) else round(value, 6)

"""Invented rows: facts and gold for the warehouse, micro-batches in the form of silver, profiles for silver/users."""

# ruff: noqa: S608 - statements put together from constants of this file

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import psycopg
import pyarrow as pa
from deltalake import write_deltalake

from streaming.delta.merge import created
from streaming.delta.tables import location, storage_options
from streaming.settings import Settings
from streaming.tables import silver_users

NOW = datetime(2026, 1, 10, tzinfo=UTC)
OLD = datetime(2025, 12, 1, tzinfo=UTC)
USERS_A_FILE = 100_000
# Half of the facts are interactions, as with the demo's mix; a tenth as many users as posts.
FILL: Mapping[str, str] = {
    "fact_post": """
        insert into dw.fact_post
        select 'filled post ' || n, at, 20260101, 0, 'post ' || n, 'user ' || n %% 50000, repeat(md5(n::text), 3),
            (array['negative', 'neutral', 'positive'])[1 + n %% 3], n %% 3 - 1, 0.7, '1', at, 'filled', 0
        from (select n, timestamptz '2026-01-01' + interval '9 days' * n / %(last)s as at
            from generate_series(%(first)s::bigint, %(last)s::bigint) as numbers (n)) as numbered""",
    "fact_comment": """
        insert into dw.fact_comment
        select 'filled comment ' || n, at, 20260101, 0, 'comment ' || n, 'post ' || (n * 7919) %% %(last)s,
            'user ' || n %% 50000, repeat(md5(n::text), 3), (array['negative', 'neutral', 'positive'])[1 + n %% 3],
            n %% 3 - 1, 0.7, '1', at, 'filled', 0
        from (select n, timestamptz '2026-01-01' + interval '9 days' * n / %(last)s as at
            from generate_series(%(first)s::bigint, %(last)s::bigint) as numbers (n)) as numbered""",
    "fact_interaction": """
        insert into dw.fact_interaction
        select 'filled interaction ' || n, at, 20260101, 0, 'interaction ' || n, 'user ' || n %% 50000,
            'user ' || n %% 49999, 'like', 'post ' || n, at, 'filled', 0
        from (select n, timestamptz '2026-01-01' + interval '9 days' * n / %(last)s as at
            from generate_series(%(first)s::bigint, %(last)s::bigint) as numbers (n)) as numbered""",
}
# Gold of the same nine days; its size depends on their length, not on the number of facts.
MEASURES = "events, negative, neutral, positive, polarity_sum, polarity_mean, confidence_sum"
MEASURED = "9, 2, 3, 4, 1.5 + sin(n), (1.5 + sin(n)) / 9, 6.5"
MINUTES = "generate_series(timestamptz '2026-01-01', '2026-01-09 23:59', '1 minute') as at, generate_series(1, {}) as n"
HOURS = "generate_series(timestamptz '2026-01-01', '2026-01-09 23:00', '1 hour') as at, generate_series(1, {}) as n"
GOLD: Mapping[str, str] = {
    f"sentiment_by_minute (minute, entity, {MEASURES}, late)": (
        f"select at, (array['post', 'comment'])[n], {MEASURED}, 0 from {MINUTES.format(2)}"
    ),
    f"sentiment_by_topic (minute, topic, entity, {MEASURES})": (
        f"select at, 'topic ' || n, 'post', {MEASURED} from {MINUTES.format(20)}"
    ),
    f"sentiment_by_cohort (hour, location, age_band, {MEASURES})": (
        f"select at, 'place ' || n / 8, 'band ' || n % 8, {MEASURED} from {HOURS.format(400)}"
    ),
    f"sentiment_by_model (hour, model_version, entity, {MEASURES})": (
        f"select at, n::text, 'post', {MEASURED} from {HOURS.format(3)}"
    ),
    "language_by_hour (hour, language, entity, texts, unscored)": (
        f"select at, 'en', 'post', 9, 0 from {HOURS.format(1)}"
    ),
    f"terms_by_hour (hour, term, {MEASURES})": f"select at, 'term ' || n, {MEASURED} from {HOURS.format(2000)}",
    "engagement_by_minute (minute, action, interactions)": (
        f"select at, (array['like', 'comment', 'share'])[n], 5 from {MINUTES.format(3)}"
    ),
    "quality_by_minute (minute, entity, reason, events, late)": (
        "select at, (array['post', 'comment', 'interaction', 'user', 'rejected'])[n], "
        f"case n when 5 then 'not_json' else '' end, 9, 1 from {MINUTES.format(5)}"
    ),
}
SHARES = {"fact_post": 0.25, "fact_comment": 0.25, "fact_interaction": 0.5}


def fill(connection: psycopg.Connection, have: int, want: int) -> None:
    """Add facts, made by the server, until there are `want`, spread over the nine days before NOW."""
    for table, statement in FILL.items():
        bounds = {"first": int(have * SHARES[table]) + 1, "last": int(want * SHARES[table])}
        connection.execute(statement, bounds)
    connection.execute("vacuum analyze")


def fill_gold(connection: psycopg.Connection) -> None:
    """Add the aggregates of the nine days before NOW, made by the server, where they are missing."""
    for target, rows in GOLD.items():
        connection.execute(f"insert into dw.{target} {rows} on conflict do nothing".encode())
    connection.execute("vacuum analyze")


def batch(size: int) -> dict[str, pa.Table]:
    """A micro-batch of `size` rows in the form of silver: posts, comments, interactions, and some profiles."""
    rows = size // 4
    time_type = pa.timestamp("us", tz="UTC")
    ids = [str(uuid.uuid4()) for _ in range(2 * rows)]
    times = pa.array([NOW + timedelta(milliseconds=n) for n in range(2 * rows)], time_type)
    users = [f"user {n % 5_000}" for n in range(2 * rows)]
    text = ["what a day, nothing works and everybody smiles #monday " * 2] * (2 * rows)
    base = pa.table({"event_id": ids, "event_time": times, "arrival_time": times, "user_id": users})
    scored = base.append_column("text", pa.array(text)).append_column("post_id", pa.array(ids))
    scored = scored.append_column("unscored_reason", pa.nulls(len(ids), pa.string()))
    values = {"sentiment": "positive", "polarity": 0.5, "confidence": 0.7, "model_version": "1", "language": "en"}
    for name, value in values.items():
        scored = scored.append_column(name, pa.array([value] * len(ids)))
    interactions = base.append_column("user1_id", pa.array(users)).append_column("user2_id", pa.array(users))
    for name, value in (("interaction_id", "i"), ("action", "like"), ("post_id", "post 1")):
        interactions = interactions.append_column(name, pa.array([value] * len(ids)))
    profiles = base.slice(0, rows // 10)
    for name, cell in (("user_name", "Ann"), ("user_location", "Oslo"), ("sequence_number", "49")):
        profiles = profiles.append_column(name, pa.array([cell] * profiles.num_rows))
    for name, number in (("user_age", 30), ("record_index", 0)):
        profiles = profiles.append_column(name, pa.array([number] * profiles.num_rows, pa.int32()))
    return {
        "fact_post": scored.slice(0, rows),
        "fact_comment": scored.slice(rows).append_column("comment_id", pa.array(ids[rows:])),
        "fact_interaction": interactions.slice(0, 2 * rows - profiles.num_rows),
        "dim_user": profiles,
    }


def fill_users(settings: Settings, users: int) -> None:
    """Create silver/users with `users` profiles, older than any event of the benchmarks, in files of USERS_A_FILE."""
    if not users:
        return
    table = silver_users.TABLE
    delta = created(table, location(settings.table(table.name)), storage_options(settings))
    for first in range(0, users, USERS_A_FILE):
        write_deltalake(delta, table.rows(_profiles(range(first, min(users, first + USERS_A_FILE)))), mode="append")


def _profiles(numbers: range) -> dict[str, pa.ChunkedArray]:
    """Columns of silver/users for the users of these numbers, of whom the first are people of the mock platform."""
    count = len(numbers)
    changing = {
        "user_id": [f"u{number:06d}" for number in numbers],
        "event_id": [str(uuid.UUID(int=number)) for number in numbers],
        "user_age": [number % 90 for number in numbers],
        "raw": [f'{{"event_type":"user","payload":{{"user_id":"u{number:06d}"}}}}' for number in numbers],
    }
    same = {"event_time": OLD, "arrival_time": OLD, "schema_version": 1, "sequence_number": "1", "record_index": 0}
    same |= {"user_name": "Ann", "user_location": "Oslo"}
    fields = [field for field in silver_users.TABLE.schema if field.name not in silver_users.TABLE.partitions]
    values = {field.name: changing.get(field.name, [same.get(field.name)] * count) for field in fields}
    return {field.name: pa.chunked_array([pa.array(values[field.name], field.type)]) for field in fields}

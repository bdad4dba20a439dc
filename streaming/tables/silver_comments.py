"""silver/comments: comments on posts, with their scores.

Key: `event_id`. Partitioned by the day of the event.
"""

from __future__ import annotations

from streaming.tables.columns import (
    EVENT_FIELDS,
    SENTIMENT_FIELDS,
    schema,
    strings,
)

NAME = "silver/comments"
ENTITY = "comment"
SCHEMA = schema(
    *strings("comment_id", "post_id", "user_id", "text"), *EVENT_FIELDS, *SENTIMENT_FIELDS, *strings("lang")
)

"""silver/posts: posts, with their scores.

Key: `event_id`. Partitioned by the day of the event.
"""

from __future__ import annotations

from streaming.tables.columns import (
    EVENT_FIELDS,
    SENTIMENT_FIELDS,
    schema,
    strings,
)

NAME = "silver/posts"
ENTITY = "post"
SCHEMA = schema(*strings("post_id", "user_id", "text"), *EVENT_FIELDS, *SENTIMENT_FIELDS, *strings("lang"))

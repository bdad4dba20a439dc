"""silver/comments: comments on posts, with their languages and scores.

Key: `event_id`. Where the model does not serve the `language`, the sentiment is null and `unscored_reason` says why.
 Of a version with two models `scored_by` names the one that decided. Partitioned by the day of the event.
"""

from __future__ import annotations

from streaming.tables.columns import (
    EVENT_FIELDS,
    LANGUAGE_FIELDS,
    SENTIMENT_FIELDS,
    schema,
    strings,
)

NAME = "silver/comments"
ENTITY = "comment"
SCHEMA = schema(
    *strings("comment_id", "post_id", "user_id", "text"),
    *EVENT_FIELDS,
    *SENTIMENT_FIELDS,
    *strings("lang"),
    *LANGUAGE_FIELDS,
)

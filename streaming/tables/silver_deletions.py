"""silver/deletions: requests to take out a post, a comment, an interaction or a user (`target_type`, `target_id`).

Key: `event_id`. Partitioned by the day of the event.
"""

from __future__ import annotations

from streaming.tables.columns import EVENT_FIELDS, schema, strings

NAME = "silver/deletions"
ENTITY = "deletion"
SCHEMA = schema(*strings("target_type", "target_id"), *EVENT_FIELDS)

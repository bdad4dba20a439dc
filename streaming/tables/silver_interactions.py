"""silver/interactions: who liked, commented on or shared whose post; `post_id` is null if the event had none.

Key: `event_id`. Partitioned by the day of the event.
"""

from __future__ import annotations

from streaming.tables.columns import EVENT_FIELDS, schema, strings

NAME = "silver/interactions"
ENTITY = "interaction"
SCHEMA = schema(*strings("interaction_id", "user1_id", "user2_id", "action", "post_id"), *EVENT_FIELDS)

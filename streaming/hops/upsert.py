"""silver/user_changes -> silver/users: the newest profile of each user, whatever order the changes arrive in."""

from __future__ import annotations

from functools import partial

from pyspark.sql import SparkSession

from streaming.delta.merge import keyed_merge
from streaming.loop import Loop, Running
from streaming.settings import Settings
from streaming.sinks.users import Users


def start(spark: SparkSession, settings: Settings) -> Running:  # noqa: ARG001 - the signature of every hop
    """Keep silver/users up with silver/user_changes, every `upsert_interval` seconds or as often as a MERGE allows."""
    return Loop("upsert", Users(settings, partial(keyed_merge, settings)), settings.upsert_interval)

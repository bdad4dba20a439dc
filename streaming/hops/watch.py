"""silver, gold and the job's status -> gold/incidents, gold/cost_by_minute, alerts (SNS), metrics (CloudWatch).

A loop without Spark jobs.

While SNS cannot be reached only this hop fails. It is restarted until SNS is back, and then sends the alerts that still
hold.
"""

from __future__ import annotations

from pyspark.sql import SparkSession

from streaming.alerts.cost import CostWatch, used_by
from streaming.alerts.incident_watch import IncidentWatch
from streaming.alerts.listening import Listening, place
from streaming.alerts.metric_places import open_metrics
from streaming.alerts.silver_texts import SilverTexts
from streaming.alerts.sns import Topic
from streaming.alerts.watcher import Logged, State, Watcher
from streaming.files import Files
from streaming.loop import Loop, Running
from streaming.settings import Settings
from streaming.status import hops_in


def start(spark: SparkSession, settings: Settings) -> Running:
    """Look at gold every `watch_interval` seconds; without a topic alerts go to the log only."""
    alerts = Topic(settings, settings.alerts_topic) if settings.alerts_topic else Logged()
    files = Files(settings)
    state = State(files, f"{settings.checkpoint('watch')}/alerts.json")
    refused = State(files, f"{settings.checkpoint('refine-models')}/refused.json")
    shadow = State(files, f"{settings.checkpoint('observe')}/refused.json")
    seasons = State(files, f"{settings.checkpoint('watch')}/seasons.json")
    began = spark.sparkContext.startTime / 1000
    position = State(files, place(settings))
    listening = Listening(position, began, lambda: hops_in(settings.status_file), settings.watch_interval)
    incidents = IncidentWatch(settings, SilverTexts(settings).new, seasons, listening)
    metrics = open_metrics(settings)
    cost = CostWatch(settings, metrics, used_by(spark, local=settings.local_cores is not None))
    watcher = Watcher(settings, alerts, metrics, state, refused.read, shadow.read, incidents, cost)
    return Loop("watch", watcher, settings.watch_interval)

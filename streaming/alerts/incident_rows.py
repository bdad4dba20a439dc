"""Converts incidents to rows of gold/incidents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from streaming.alerts.detection.incidents import Incident


def row_of(incident: Incident) -> dict[str, Any]:
    """The row of an incident in its present state; times have the time zone UTC."""
    main = incident.main
    return {
        "since": _time(incident.since),
        "incident_id": incident.id,
        "found_at": _time(incident.found),
        "last_seen": _time(incident.last_seen),
        "ended_at": None if incident.ended is None else _time(incident.ended),
        "state": incident.state,
        "severity": incident.severity,
        "cause": incident.cause.name,
        "cause_sure": incident.cause.sure,
        "why": incident.cause.why,
        "chance": incident.rate,
        "series": str(main.series),
        "measure": main.measure,
        "usual": main.usual,
        "found": main.found,
        "new_topic": main.new,
        "symptoms": len(incident.symptoms),
        "topics": incident.topics,
        "cohorts": incident.cohorts,
        "terms": list(incident.terms),
        "posts": [post.event_id for post in incident.posts],
    }


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

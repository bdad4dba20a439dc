"""Writes the alert about an incident: as an e-mail, as an SMS, and as JSON. Pure.

All three are made from a row of gold/incidents, so `moodstream alerts show` prints the text that was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from streaming.alerts.rules import Alert

Row = Mapping[str, Any]

SMS_LENGTH = 160
# An incident is sent again only when its severity, cause or state changed, which changes the alert's subject.
RULE = "incident"
REPEATED_AFTER = timedelta(days=1)
CHANGED: Mapping[str, str] = {
    "audience": "The audience changed: news, no fault of the system.",
    "bots": "Bots raid the platform: these texts do not show the sentiment of people.",
    "model": "The model changed: compare versions (`moodstream rescore`) or go back (`moodstream model rollback`).",
    "data": "The data changed: look at the texts of the sources (gold/quality_by_minute, gold/drift_by_hour).",
}


def headline(row: Row) -> str:
    """One line that states the change and its numbers."""
    if row["measure"] == "volume":
        if row["new_topic"]:
            return f"New topic {_bare(row['series'])}: {row['found']:.0f} texts a minute"
        direction = "rose" if row["found"] > row["usual"] else "fell"
        return f"Volume of {row['series']} {direction} to {row['found']:.0f} texts a minute, usually {row['usual']:.0f}"
    direction = "rose" if row["found"] > row["usual"] else "fell"
    what = f"{row['measure'].capitalize()} share of {row['series']}"
    return f"{what} {direction} to {row['found']:.0%}, usually {row['usual']:.0%}"


def subject(row: Row) -> str:
    """The identity of one message: an incident with another severity, cause or state gets another message."""
    return f"{row['incident_id']} {row['state']} {row['severity']} {row['cause']}"


def email(row: Row) -> str:
    """The message for e-mail: change, severity, beginning, certainty, cause, topics, terms, cohorts and posts."""
    lines = [
        f"{headline(row)}.",
        "",
        f"Severity:  {row['severity']}, {row['state']}{_ended(row)}",
        f"Since:     {row['since']:%Y-%m-%d %H:%M:%S} UTC, reported at {row['found_at']:%H:%M:%S}",
        f"How sure:  {_sure(row)}",
        f"Cause:     {row['cause']} ({row['cause_sure']:.0%} sure): {row['why']}",
        f"           {CHANGED[row['cause']]}",
        *_about(row),
        f"Symptoms:  {row['symptoms']} series left their usual range; they are one incident",
        "",
        f"More: moodstream alerts show {row['incident_id']}",
    ]
    return "\n".join(lines)


def sms(row: Row) -> str:
    """The message in at most SMS_LENGTH characters."""
    about = f" #{row['topics'][0]}" if row["topics"] and f"#{row['topics'][0]}" not in row["series"] else ""
    ended = "ENDED " if row["state"] == "closed" else ""
    end = f"Cause: {row['cause']}. Since {row['since']:%H:%M} UTC"
    text = f"{ended}{row['severity'].upper()} {headline(row)}.{about} {end}"
    return text if len(text) <= SMS_LENGTH else text[: SMS_LENGTH - 3] + "..."


def as_json(row: Row) -> dict[str, Any]:
    """The message for programs: the row, with times in ISO 8601, and the headline."""
    plain = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
    kept = {name: value for name, value in plain.items() if name not in ("year", "month", "day")}
    return {"headline": headline(row), **kept}


def alert(row: Row) -> Alert:
    """The alert about an incident in its present state."""
    return Alert(RULE, subject(row), email(row), REPEATED_AFTER, sms(row), as_json(row))


def _about(row: Row) -> list[str]:
    named = {
        "Topics:": ", ".join(f"#{topic}" for topic in row["topics"]),
        "Terms:": ", ".join(row["terms"]),
        "Cohorts:": "; ".join(row["cohorts"]),
        "Posts:": ", ".join(row["posts"]),
    }
    return [f"{name:<10} {what}" for name, what in named.items() if what]


def _sure(row: Row) -> str:
    if row["chance"] < 1e-9:
        return "no chance finding (false discovery rate below one in a billion)"
    return f"chance makes at most {row['chance']:.0e} of such findings"


def _ended(row: Row) -> str:
    return f" at {row['ended_at']:%H:%M:%S} UTC" if row["ended_at"] else ""


def _bare(series: str) -> str:
    return series.removeprefix("topic ")

"""What a person or a program reads of an incident, and in which form."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from streaming.alerts import messages
from streaming.alerts.sns import by_protocol
from streaming.alerts.watcher import forms
from streaming.tables import gold_incidents
from tests.builders import NOON


def a_row(**overrides: Any) -> dict[str, Any]:
    return {
        "since": NOON,
        "incident_id": "incident-1",
        "found_at": NOON + timedelta(seconds=40),
        "last_seen": NOON + timedelta(seconds=40),
        "ended_at": None,
        "state": "open",
        "severity": "warning",
        "cause": "bots",
        "cause_sure": 0.95,
        "why": "a raid by bots: 91 posts by 12 accounts",
        "chance": 3e-6,
        "series": "topic #boycott",
        "measure": "negative",
        "usual": 0.3,
        "found": 0.92,
        "new_topic": False,
        "symptoms": 4,
        "topics": ["boycott", "games"],
        "cohorts": ["London, UK"],
        "terms": ["refund", "studio"],
        "posts": ["e1", "e2"],
    } | overrides


def test_the_e_mail_says_what_since_when_how_sure_why_and_what_it_is_about() -> None:
    text = messages.email(a_row())
    for said in (
        "Negative share of topic #boycott rose to 92%, usually 30%.",
        "Since:     2026-01-01 12:00:00 UTC, reported at 12:00:40",
        "How sure:  chance makes at most 3e-06 of such findings",
        "Cause:     bots (95% sure): a raid by bots: 91 posts by 12 accounts",
        "Topics:    #boycott, #games",
        "Terms:     refund, studio",
        "Cohorts:   London, UK",
        "Posts:     e1, e2",
        "moodstream alerts show incident-1",
    ):
        assert said in text


def test_a_short_message_fits_whatever_it_is_about() -> None:
    assert messages.sms(a_row()) == (
        "WARNING Negative share of topic #boycott rose to 92%, usually 30%. Cause: bots. Since 12:00 UTC"
    )
    assert len(messages.sms(a_row(series=f"topic #{'x' * 100}", topics=["y" * 100]))) == messages.SMS_LENGTH


def test_volume_and_new_topics_are_told_in_texts_a_minute() -> None:
    volume = {"measure": "volume", "usual": 40.0, "found": 130.0}
    assert messages.headline(a_row(**volume)) == "Volume of topic #boycott rose to 130 texts a minute, usually 40"
    assert messages.headline(a_row(**volume, new_topic=True)) == "New topic #boycott: 130 texts a minute"


def test_programs_get_json_with_every_column_and_the_keys_of_every_alert() -> None:
    message = forms(messages.alert(a_row()))
    assert by_protocol(message)["sms"].startswith("WARNING")
    assert by_protocol(message)["email"] == by_protocol(message)["default"] == messages.email(a_row())
    found = json.loads(by_protocol(message)["sqs"])
    assert set(found) == {"event", "rule", "about", "text", "data"}
    names = {name for name, _ in (*gold_incidents.TABLE.key, *gold_incidents.TABLE.values)}
    assert set(found["data"]) == names | {"headline"}


def test_an_incident_is_sent_again_only_when_severity_cause_or_state_changed() -> None:
    first = messages.alert(a_row()).identity
    assert messages.alert(a_row(found=0.95, symptoms=9)).identity == first
    for change in ({"severity": "critical"}, {"cause": "audience"}, {"state": "closed", "ended_at": NOON}):
        assert messages.alert(a_row(**change)).identity != first

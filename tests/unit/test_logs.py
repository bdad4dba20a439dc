"""The job's log: text by default, else one JSON object a line that says which hop, query and batch it is about."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from io import StringIO
from threading import Event
from typing import Any

import pytest

from streaming import logs
from streaming.loop import Loop
from streaming.settings import from_command_line
from tests.patience import wait_until

log = logging.getLogger("streaming.example")


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """What the log writes as JSON."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.JsonLines())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield written
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)


def only(lines: StringIO) -> dict[str, Any]:
    """The one line that was written."""
    [line] = lines.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_message_within_a_batch_names_hop_query_and_batch(lines: StringIO) -> None:
    with logs.within(hop="refine", query="q1", batch=12):
        log.info("batch %d: %d files", 12, 3)
    found = only(lines)
    assert {name: found[name] for name in ("level", "logger", "hop", "query", "batch", "message")} == {
        "level": "INFO",
        "logger": "streaming.example",
        "hop": "refine",
        "query": "q1",
        "batch": 12,
        "message": "batch 12: 3 files",
    }
    assert found["time"].endswith("+00:00")


def test_a_message_after_a_batch_belongs_to_none(lines: StringIO) -> None:
    with logs.within(hop="refine", batch=12):
        pass
    log.info("done")
    assert {"hop", "query", "batch"} & only(lines).keys() == set()


def test_an_event_with_fields_becomes_part_of_the_object(lines: StringIO) -> None:
    event = {"event": "batch", "hop": "refine", "seconds": 0.6}
    log.info("%s", json.dumps(event), extra={"fields": event, "query": "q1"})
    found = only(lines)
    assert (found["message"], found["seconds"], found["query"]) == ("batch", 0.6, "q1")


def test_an_error_of_several_lines_stays_one_line(lines: StringIO) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        log.exception("it\nfailed")
    found = only(lines)
    assert found["message"] == "it\nfailed"
    assert "ValueError: first\nsecond" in found["exception"]


def test_a_loops_messages_name_its_hop_and_round(lines: StringIO) -> None:
    stepped = Event()

    def step() -> Mapping[str, Any]:
        if not stepped.is_set():
            log.info("loading")
        stepped.set()
        return {}

    loop = Loop("load", step, 60.0)
    try:
        wait_until(stepped.is_set, "a step")
    finally:
        loop.stop()
    assert (only(lines)["hop"], only(lines)["batch"]) == ("load", 0)


def test_the_log_is_text_unless_the_settings_say_otherwise() -> None:
    needed = ["--lake", "/lake", "--stream", "events"]
    assert from_command_line(needed, {}).log_format == "text"
    assert from_command_line(needed, {"MOODSTREAM_LOG_FORMAT": "json"}).log_format == "json"

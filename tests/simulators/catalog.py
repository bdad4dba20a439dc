"""A catalog of lineage as Marquez is one: it takes run events of OpenLineage and refuses what is none.

The checks are those of the specification 2-0-2: required fields, formats, and that every facet names its producer and
its schema.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

STATES = {"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"}
Event = Mapping[str, Any]


class Catalog(ThreadingHTTPServer):
    """Keeps the events that it took, and the reasons why it refused others."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.keys: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def ended(self, hop: str) -> list[dict[str, Any]]:
        """The last events of the runs of a hop."""
        return [
            event
            for event in list(self.events)
            if event["eventType"] in ("COMPLETE", "FAIL") and event["job"]["name"].endswith(f".{hop}")
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Catalog

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.append(self.headers.get("Authorization"))
        try:
            assert self.path == "/api/v1/lineage", self.path
            event = json.loads(body)
            check(event)
        except (AssertionError, KeyError, ValueError) as error:
            self.server.refused.append(f"{type(error).__name__} {error}: {body.decode()[:500]}")
            self.send_response(422)
        else:
            self.server.events.append(event)
            self.send_response(201)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Catalog]:
    """A running catalog."""
    with Catalog() as catalog:
        thread = Thread(target=catalog.serve_forever)
        thread.start()
        try:
            yield catalog
        finally:
            catalog.shutdown()
            thread.join()


def check(event: Event) -> None:
    """Raise AssertionError, KeyError or ValueError if it is no run event."""
    assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    assert event["eventType"] in STATES
    assert _uri(event["producer"])
    assert event["schemaURL"].endswith("#/$defs/RunEvent"), event["schemaURL"]
    uuid.UUID(event["run"]["runId"])
    assert event["job"]["namespace"]
    assert event["job"]["name"]
    _check_facets(event["run"])
    _check_facets(event["job"])
    for data_set in (*event.get("inputs", ()), *event.get("outputs", ())):
        assert data_set["namespace"]
        assert data_set["name"]
        for kind in ("facets", "inputFacets", "outputFacets"):
            _check_facets(data_set, kind)


def _check_facets(holder: Event, kind: str = "facets") -> None:
    for name, facet in holder.get(kind, {}).items():
        assert _uri(facet["_producer"]), name
        assert _uri(facet["_schemaURL"]), name


def _uri(text: str) -> bool:
    return bool(urlsplit(text).scheme)

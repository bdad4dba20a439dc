"""A Mastodon server: a stream of server-sent events, and the timeline for what a client missed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simulators.http import Faults, Item, World
from tests.simulators.platforms import iso


def status(item: Item) -> dict[str, Any]:
    """A status as the API shows it."""
    return {
        "id": str(1000 + item.number),
        "uri": f"https://example.org/{item.number}",
        "created_at": iso(item.at),
        "edited_at": iso(item.edited) if item.edited else None,
        "account": {"acct": item.author},
        "content": f"<p>{item.text}</p>",
        "spoiler_text": "",
        "visibility": "public",
        "language": "en",
        "in_reply_to_id": str(1000 + item.parent) if item.parent else None,
        "reblog": None,
    }


@dataclass
class Server:
    """Tells a world's happenings, one after the other; a client that connects again gets what comes from then on."""

    world: World
    faults: Faults
    told: int = 0
    happenings: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        known: dict[int, str] = {}
        while not self.world.complete:
            self.world.step()
            for item in self.world.items:
                state = f"{item.text}{item.deleted}"
                if known.get(item.number) == state:
                    continue
                event = "delete" if item.deleted else "status.update" if item.number in known else "update"
                data = str(1000 + item.number) if item.deleted else json.dumps(status(item))
                self.happenings.append((event, data))
                known[item.number] = state
        if self.faults.disorder:
            first, rest = self.happenings[: self.world.size], self.happenings[self.world.size :]
            self.happenings = [*first, *first[::2], *rest, *rest[::2]]
        if self.faults.rewind:
            middle = len(self.happenings) // 2
            self.happenings[middle:middle] = self.happenings[:middle]

    def timeline(self, after: int, limit: int) -> list[dict[str, Any]]:
        """Statuses that were told, newest first, the oldest `limit` after an id."""
        told = {json.loads(data)["id"]: data for event, data in self.happenings[: self.told] if event == "update"}
        ids = sorted(int(number) for number in told if int(number) > after)[:limit]
        return [json.loads(told[str(number)]) for number in reversed(ids)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/api/v1/timelines/public":
            return self._json(self.server.mastodon.timeline(int(query["min_id"]), int(query["limit"])))
        return self._stream()

    def _json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        mastodon: Server = self.server.mastodon
        faults = mastodon.faults
        if mastodon.refused < faults.too_many:
            mastodon.refused += 1
            self.send_response(429)
            self.send_header("Retry-After", "0.05")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        mastodon.connections += 1
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b":)\n\n")
        while mastodon.told < len(mastodon.happenings):
            event, data = mastodon.happenings[mastodon.told]
            mastodon.told += 1
            if faults.drop and event == "update" and mastodon.told % faults.drop == 0:
                self.wfile.write(f"event: {event}\ndata: {data[:20]}".encode())
                return  # in the middle of it
            self.wfile.write(f"event: {event}\ndata: {data}\n\n".encode())
            if faults.malformed and mastodon.told % faults.malformed == 0:
                self.wfile.write(b"event: update\ndata: {\n\nnonsense\n\nevent: update\ndata: []\n\n")
        while not self.server.over.wait(0.1):
            self.wfile.write(b":thump\n\n")


@contextmanager
def serving(mastodon: Server) -> Iterator[str]:
    """Serve on a free port; yields the address."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads, server.mastodon, server.over = True, mastodon, threading.Event()
    server.handle_error = lambda *_: None  # a client that leaves is no error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()

"""What the simulators over HTTP share: a small world that grows, and a loopback server that misbehaves on request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qs, urlsplit

BORN = int(time.time()) - 86_400  # epoch seconds of the first item


@dataclass
class Item:
    """Something written; `parent` is the number of what it answers, `hour` when the present text was written."""

    number: int
    text: str
    parent: int | None = None
    author: str = "ann"
    edited: int | None = None
    deleted: bool = False

    @property
    def at(self) -> int:
        """Epoch seconds."""
        return BORN + self.number


@dataclass
class World:
    """Shows `per_step` items more with each step, then edits every seventh and deletes every fifth.

    `texts` and `deleted` are the ledger: what must come out once, and which items must be taken back once.
    """

    size: int = 40
    per_step: int = 7
    answers: bool = True
    items: list[Item] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    past: list[list[Item]] = field(default_factory=list)
    quiet: int = 15  # steps before the edits: what is deleted before a client could see it cannot come out
    _edited: bool = False

    def step(self) -> None:
        """Let something happen."""
        self.past.append(deepcopy(self.items))
        if len(self.items) < self.size:
            for number in range(len(self.items) + 1, min(self.size, len(self.items) + self.per_step) + 1):
                parent = number // 2 if self.answers and number % 3 == 0 else None
                self.items.append(Item(number, f"Item number {number}", parent, f"user{number % 5}"))
                self.texts.append(self.items[-1].text)
        elif self.quiet:
            self.quiet -= 1
        elif not self._edited:
            self._edited = True
            for item in self.items[6::7]:
                item.text, item.edited = f"{item.text}, edited", BORN + 1_000 + item.number
                self.texts.append(item.text)
            for item in self.items[4::5]:
                if not item.edited and not any(other.parent == item.number for other in self.items):
                    item.deleted = True
                    self.deleted.append(item.text)

    @property
    def complete(self) -> bool:
        """Whether nothing will happen any more."""
        return self._edited

    @property
    def promised(self) -> int:
        """Events that must come out."""
        return len(self.texts) + len(self.deleted)


@dataclass
class Faults:
    """What a server does wrong: every so-many-th answer, and with lists. 0: never."""

    drop: int = 0  # close the connection in the middle of an answer
    rewind: int = 0  # answer as the world was two steps ago
    disorder: bool = False  # lists in another order, with every second item twice
    malformed: int = 0
    too_many: int = 0  # 429 with Retry-After

    def arrange(self, items: list[Any]) -> list[Any]:
        """A list as it is shown."""
        return [*items[1::2], *items[::2], *items[::2]] if self.disorder else items


class Answer(NamedTuple):
    """What a platform answers."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


def as_json(value: Any, *headers: tuple[str, str]) -> Answer:
    """An answer in JSON."""
    return Answer(json.dumps(value).encode(), 200, headers)


class Platform(Protocol):
    """A platform's API over a world."""

    world: World
    faults: Faults

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str], items: list[Item]) -> Answer:
        """Answer a GET; `items`: the world as this request shall see it."""

    def is_listing(self, path: str) -> bool:
        """Whether a request lets the world take a step."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    platform: Platform
    asked = 0
    lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # one packet an answer: two would wait for each other
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.do_GET()

    def do_GET(self) -> None:
        platform, parts = self.server.platform, urlsplit(self.path)
        with self.server.lock:
            self.server.asked += 1
            turn = self.server.asked
            faults = platform.faults
            if faults.too_many and turn % faults.too_many == 0:
                return self._send(Answer(b"slow down", 429, (("Retry-After", "0.05"),)))
            if platform.is_listing(parts.path):
                platform.world.step()
            past = platform.world.past
            stale = faults.rewind and turn % faults.rewind == 0 and len(past) > 2
            items = deepcopy(past[-2] if stale else platform.world.items)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            answer = platform.answer(parts.path, query, {k.lower(): v for k, v in self.headers.items()}, items)
        if faults.malformed and turn % faults.malformed == 0 and answer.status == 200:
            answer = answer._replace(body=b"<html>Bad gateway" if turn % 2 else answer.body[: len(answer.body) // 2])
        return self._send(answer, cut=bool(faults.drop and turn % faults.drop == 0))

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        self.close_connection = cut
        if cut and answer.status != 200:
            return  # nothing to cut in the middle: no answer at all
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) + 10 * cut))
        self.end_headers()
        self.wfile.write(answer.body)


@contextmanager
def serving(platform: Platform) -> Iterator[str]:
    """Serve a platform on a free port; yields its address."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.platform = platform
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

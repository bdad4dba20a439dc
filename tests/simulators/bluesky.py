"""A Jetstream instance, version 1: keeps frames, serves them from a cursor on, and misbehaves on request."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

POST, LIKE = "app.bsky.feed.post", "app.bsky.feed.like"
REPOST, PROFILE = "app.bsky.feed.repost", "app.bsky.actor.profile"
START_US = 1_790_000_000_000_000


def created(us: int) -> str:
    """A record's createdAt."""
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Network:
    """Makes frames in order, and remembers what must become of them: the ledger that tests compare with."""

    now_us: int = START_US
    frames: list[dict[str, Any]] = field(default_factory=list)
    _made: int = 0

    def commit(self, did: str, operation: str, collection: str, rkey: str, record: Any = None, **commit: Any) -> str:
        """Add a commit; returns the record's address."""
        self._made += 1
        body = {"rev": f"rev{self._made}", "operation": operation, "collection": collection, "rkey": rkey}
        if record is not None:
            body |= {"record": {"$type": collection, **record}, "cid": f"bafy{self._made}"}
        self.add({"did": did, "kind": "commit", "commit": body | commit})
        return f"at://{did}/{collection}/{rkey}"

    def add(self, frame: dict[str, Any]) -> None:
        """Add a frame at the next moment."""
        self.now_us += 1_000
        self.frames.append({"did": "did:plc:nobody", "time_us": self.now_us, **frame})

    def promised(self) -> Counter[Promise]:
        """What must become of the frames, one event each: the ledger."""
        return Counter(promise for frame in self.frames if (promise := _promise(frame)))

    def post(self, did: str, text: str, rkey: str | None = None, **record: Any) -> str:
        """A post, or a reply if `reply` is given."""
        rkey = rkey or f"p{self._made}"
        record = {"text": text, "createdAt": created(self.now_us), "langs": ["en"], **record}
        return self.commit(did, "create", POST, rkey, record)

    def like(self, did: str, uri: str, collection: str = LIKE) -> str:
        """A like, or a repost."""
        record = {"subject": {"uri": uri, "cid": "bafy"}, "createdAt": created(self.now_us)}
        return self.commit(did, "create", collection, f"l{self._made}", record)

    def delete(self, uri: str) -> None:
        """A delete of a record."""
        did, collection, rkey = uri.removeprefix("at://").split("/")
        self.commit(did, "delete", collection, rkey)

    def crowd(self, size: int, seed: int = 1) -> None:
        """Make `size` frames of every kind."""
        dice = random.Random(seed)
        posts: list[str] = []
        while len(self.frames) < size:
            did = f"did:plc:user{dice.randrange(50):04d}"
            draw = dice.random()
            if draw < 0.4 or not posts:
                posts.append(self.post(did, f"This is lovely weather, number {len(self.frames)}."))
            elif draw < 0.55:
                ref = {"uri": dice.choice(posts), "cid": "bafy"}
                posts.append(self.post(did, "I hate this.", reply={"root": ref, "parent": ref}))
            elif draw < 0.85:
                self.like(did, dice.choice(posts), dice.choice((LIKE, REPOST)))
            elif draw < 0.9:
                self.commit(did, "create", PROFILE, "self", {"displayName": f"Name {did[-4:]}"})
            elif draw < 0.95:
                owner, _, rkey = posts[-1].removeprefix("at://").split("/")
                self.commit(owner, "update", POST, rkey, {"text": "Edited.", "createdAt": created(START_US)})
            else:
                self.delete(posts.pop(dice.randrange(len(posts))))


class Promise(NamedTuple):
    """An event that must come out: its type, its time, and who did it (None for a deletion)."""

    event_type: str
    event_time: str
    user: str | None


def _promise(frame: dict[str, Any]) -> Promise | None:
    commit = frame.get("commit")
    if commit is None:
        return None
    if commit["operation"] == "delete":
        return Promise("deletion", created(frame["time_us"]), None)
    record = commit["record"]
    kinds = {POST: "comment" if "reply" in record else "post", PROFILE: "user"}
    at = record.get("createdAt") if commit["operation"] == "create" else None
    return Promise(kinds.get(commit["collection"], "interaction"), at or created(frame["time_us"]), frame["did"])


@dataclass
class Faults:
    """What an instance does wrong. Each is done once, at a frame's number, unless it says otherwise."""

    drop_every: int = 0  # close the connection after so many frames
    rewind_at: int = 0  # send everything before this frame again
    reorder: int = 0  # shuffle within windows of so many frames
    duplicate_every: int = 0
    malformed_every: int = 0
    slow_s: float = 0.0  # pause after each hundred frames
    refuse: int = 0  # answers with 429 before a connection is accepted


MALFORMED: tuple[str | bytes, ...] = ("{", "null", "[]", '{"did": 1}', b"\xff\xfe", '{"kind":"commit"}', '"\\ud800"')


class Instance:
    """Serves a network's frames. `subscriptions`: the queries that clients asked with."""

    def __init__(self, network: Network, faults: Faults) -> None:
        self._network, self._faults = network, faults
        self._refused = 0
        self._rewound = False
        self._lock = threading.Lock()
        self.subscriptions: list[dict[str, list[str]]] = []
        self.sent = 0

    def answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        """Refuse some handshakes, and any other path."""
        if urlsplit(request.path).path != "/subscribe":
            return _connection.respond(HTTPStatus.NOT_FOUND, "no such path\n")
        if self._refused < self._faults.refuse:
            self._refused += 1
            response = _connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "slow down\n")
            response.headers["Retry-After"] = "0.2"
            return response
        return None

    def serve(self, connection: ServerConnection) -> None:
        """Send frames from the cursor on, then wait for more."""
        query = parse_qs(urlsplit(connection.request.path).query)  # type: ignore[union-attr]
        self.subscriptions.append(query)
        cursor = int(query.get("cursor", ["0"])[0])
        with suppress(ConnectionClosed):
            for number, data in enumerate(self._stream(cursor, query.get("wantedCollections", [])), 1):
                connection.send(data)
                self.sent += 1
                if self._faults.drop_every and number % self._faults.drop_every == 0:
                    connection.socket.close()
                    return
                if self._faults.slow_s and number % 100 == 0:
                    time.sleep(self._faults.slow_s)
            connection.recv()  # until the client leaves

    def _stream(self, cursor: int, wanted: list[str]) -> Iterator[str | bytes]:
        faults = self._faults
        frames = [f for f in self._network.frames if f["time_us"] >= cursor and _is_wanted(f, wanted)]
        if faults.reorder:
            dice = random.Random(7)
            windows = [frames[i : i + faults.reorder] for i in range(0, len(frames), faults.reorder)]
            frames = [frame for window in windows for frame in dice.sample(window, len(window))]
        for number, frame in enumerate(frames, 1):
            text = json.dumps(frame)
            yield text
            if faults.duplicate_every and number % faults.duplicate_every == 0:
                yield text
            if faults.malformed_every and number % faults.malformed_every == 0:
                yield MALFORMED[number // faults.malformed_every % len(MALFORMED)]
            if faults.rewind_at == number and not self._rewound:
                self._rewound = True
                yield from (json.dumps(f) for f in frames[:number])


def _is_wanted(frame: dict[str, Any], wanted: Iterable[str]) -> bool:
    wanted = list(wanted)
    return not wanted or frame.get("kind") != "commit" or frame["commit"]["collection"] in wanted


@contextmanager
def jetstream(network: Network, faults: Faults | None = None) -> Iterator[tuple[str, Instance]]:
    """Serve a network on a free port; yields the address (without a path) and the instance."""
    instance = Instance(network, faults or Faults())
    server = serve(instance.serve, "127.0.0.1", 0, process_request=instance.answer, compression=None, close_timeout=1)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", instance
    finally:
        server.shutdown()
        thread.join()

"""Bluesky, through a Jetstream instance (version 1: `/subscribe`, JSON text frames).

Guarantee: at least once. Every frame that the instance still holds is read: after a broken connection and after a
restart reading goes on a little before the last cursor, and event ids, made of the repository's own keys and hashes,
make the repeats disappear. A cursor older than what the instance holds leaves a gap, which is counted and said.

Terms: the network's data is public, and its users' deletions must be honoured; deleted records, accounts and edits
become events here. Nothing is filtered by account, so a public instance asks for no credentials.

Compression is off: Jetstream's zstd needs a dictionary of its own, and a loopback or VPC link gains nothing from it.
Version 2 (`network.bsky.jetstream.subscribeEvents`) is still changing, so it is not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect

from connectors.backoff import Backoff, retry_after
from connectors.errors import CursorError, SourceRefused, SourceUnreachable, UsageError
from connectors.event import SkippedItem
from connectors.session import Batch
from connectors.sources.bluesky_frames import COLLECTIONS, Frames, sane_arrival

if TYPE_CHECKING:
    from connectors.event import Event
    from connectors.session import Session

ENDPOINT = "wss://jetstream2.us-east.bsky.network/subscribe"
PATH = "/subscribe"
REWIND_US = 5_000_000  # microseconds that a new connection begins before the cursor
GAP_US = 60_000_000  # microseconds between cursor and first frame that are told as a gap
MOST_FRAMES = 500  # of one batch
PATIENCE_S = 0.5  # seconds to wait for the first frame of a batch
FIRST_ATTEMPTS = 3  # before an address counts as unreachable
MAX_FRAME = 64 * 1024 * 1024  # bytes; a larger frame would close the connection, and close it again after the rewind
QUEUED = 1024  # frames that are read ahead before TCP holds the server back
REFUSALS = {400, 401, 403, 404, 405, 410}
LOOPBACK = ("127.", "localhost", "::1")


class Bluesky:
    """Reads one Jetstream instance. `collections`: which records to ask for; accounts come in any case."""

    name = "bluesky"

    def __init__(self, endpoint: str | None, session: Session, collections: tuple[str, ...] = COLLECTIONS) -> None:
        self._address = _address(endpoint or ENDPOINT)
        self._session = session
        self._collections = collections
        self._frames = Frames()
        self._newest = 0  # the highest time_us of a frame
        self._connected = False
        self._rewind_us = REWIND_US

    def batches(self, cursor: Any) -> Iterator[Batch]:
        """Yield what the instance sends after `cursor` (epoch microseconds), for ever."""
        if cursor is not None and (not isinstance(cursor, int) or isinstance(cursor, bool)):
            raise CursorError(f"a cursor of bluesky is a number of microseconds, received {cursor!r}")
        self._newest = cursor or 0
        backoff = Backoff()
        while not self._session.stop.is_set():
            connection = self._connect(backoff)
            if connection is None:
                continue
            before = self._newest
            try:
                for batch in self._read(connection):
                    backoff.succeeded()
                    yield batch
            except (ConnectionClosed, OSError) as error:
                self._session.troubles.add("reconnects")
                self._session.tell(f"bluesky: the connection broke ({error}), connecting again")
            finally:
                with suppress(Exception):
                    connection.close()
            self._adapt_rewind(before)
            if not self._session.stop.is_set():
                self._session.wait(backoff.failed())

    def _adapt_rewind(self, before: int) -> None:
        """Rewind less after a connection that broke within what was rewound: otherwise it would never get further."""
        if self._newest <= before:
            self._rewind_us //= 10
        elif self._newest > before + REWIND_US:
            self._rewind_us = REWIND_US

    def _connect(self, backoff: Backoff) -> ClientConnection | None:
        """One attempt; None after a failure that time may heal, having waited."""
        wish: float | None = None
        try:
            connection = connect(
                self._subscription(),
                compression=None,
                max_size=MAX_FRAME,
                max_queue=QUEUED,
                proxy=None if self._is_here() else True,
                close_timeout=1,
            )
        except InvalidStatus as error:
            code = error.response.status_code
            if code in REFUSALS:
                raise SourceRefused(f"'{self._address}' answers {code}; expected a Jetstream instance") from error
            wish, why = retry_after(error.response.headers.get("Retry-After")), f"it answers {code}"
            if code == 429:
                self._session.troubles.add("throttled")
        except (OSError, InvalidHandshake) as error:
            why = str(error) or type(error).__name__
            if not self._connected and backoff.failures + 1 >= FIRST_ATTEMPTS:
                raise SourceUnreachable(f"cannot reach '{self._address}': {why}") from error
        else:
            self._connected = True
            return connection
        wait = max(backoff.failed(), wish or 0.0)
        if self._connected or wish is not None:  # at the start the error says it, if it comes to that
            self._session.tell(f"bluesky: cannot connect ({why}), trying again in {wait:.1f} s")
        self._session.wait(wait)
        return None

    def _is_here(self) -> bool:
        return (urlsplit(self._address).hostname or "").startswith(LOOPBACK)

    def _subscription(self) -> str:
        """The address with what is asked for; what the user's address asks for already stays."""
        parts = urlsplit(self._address)
        query = parse_qsl(parts.query)
        if not any(name == "wantedCollections" for name, _ in query):
            query += [("wantedCollections", name) for name in self._collections]
        if self._newest:
            query.append(("cursor", str(max(0, self._newest - self._rewind_us))))
        return urlunsplit(parts._replace(query=urlencode(query)))

    def _read(self, connection: ClientConnection) -> Iterator[Batch]:
        """Yield batches until the connection breaks or the order to stop comes."""
        asked = self._newest
        while not self._session.stop.is_set():
            frames, broken = _receive(connection)
            if frames:
                yield self._batch(frames, asked)
                asked = 0
            elif broken is None:
                yield Batch([])
            if broken is not None:
                raise broken

    def _batch(self, frames: list[bytes], asked: int) -> Batch:
        events: list[Event] = []
        skipped: Counter[str] = Counter()
        corrected: Counter[str] = Counter()
        first = 0
        for data in frames:
            try:
                frame = orjson.loads(data)
                events += self._frames.events(frame, corrected)
            except (SkippedItem, orjson.JSONDecodeError) as error:
                reason = str(error) if isinstance(error, SkippedItem) else "malformed"
                skipped[reason] += 1
                if reason == "malformed":
                    self._session.tell(f"bluesky: skipped a malformed frame: {data[:120]!r}")
                    continue
            time_us: int = frame["time_us"]
            if sane_arrival(time_us) == time_us:  # a cursor in the future would skip what comes until then
                first = first or time_us
                self._newest = max(self._newest, time_us)
        if asked and first > asked + GAP_US:
            self._session.troubles.add("gaps")
            self._session.tell(f"bluesky: nothing for {(first - asked) / 1e6:.0f} s after the cursor; is it too old?")
        return Batch(events, self._newest or None, len(frames), skipped, corrected)


def _receive(connection: ClientConnection) -> tuple[list[bytes], Exception | None]:
    """The frames that are there, waiting for the first one only; and what broke the connection, if something did."""
    frames: list[bytes] = []
    wait = PATIENCE_S
    try:
        while len(frames) < MOST_FRAMES:
            # Bytes: a text frame that is not UTF-8 is one malformed frame, not a broken connection.
            frames.append(connection.recv(timeout=wait, decode=False))
            wait = 0
    except TimeoutError:
        return frames, None
    except (ConnectionClosed, OSError) as error:
        return frames, error
    return frames, None


def _address(text: str) -> str:
    """The address of an instance; its path may be left out. Raises UsageError if it is no WebSocket address."""
    parts = urlsplit(text)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    try:
        valid = scheme in ("ws", "wss") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except (ValueError, InvalidURI):
        valid = False
    if not valid:
        raise UsageError(f"--endpoint: received '{text}', expected a WebSocket address such as {ENDPOINT}")
    return urlunsplit(parts._replace(scheme=scheme, path=parts.path if parts.path.strip("/") else PATH))

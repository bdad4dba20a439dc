"""Requests over HTTP that survive what servers do: refusals for the rate, errors, broken connections.

httpx serves all sources that are polled or streamed over HTTP, instead of a library for each platform: those bring
their own clients, retries and rate limits, which would have to be tamed one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import orjson

from connectors.backoff import Backoff, retry_after
from connectors.errors import SourceRefused, SourceUnreachable, UsageError

if TYPE_CHECKING:
    from connectors.session import Session

USER_AGENT = "moodstream-connect/1"
FIRST_ATTEMPTS = 3  # before an address counts as unreachable
TIMEOUT_S = 30.0
SHORTEST_S = 0.1  # whatever a Retry-After says
STREAM_SILENCE_S = 90.0  # three heartbeats of a stream
LOOPBACK = ("127.", "localhost", "::1")
AGAIN = {408, 425, 429, 500, 502, 503, 504}


class Stopped(Exception):
    """The order to stop came while a request waited."""


class Malformed(Exception):
    """The server answered with what is no answer; the next poll may bring one."""


class Web:
    """A client for one address. Answers of 408, 425, 429 and 5xx are asked for again, after Retry-After where given."""

    def __init__(self, source: str, address: str, session: Session, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"--endpoint: received '{address}', expected an address such as https://example.org")
        self.address = address.rstrip("/")
        self._source, self._session = source, session
        self._backoff = Backoff()
        self._answered = False
        self._client = httpx.Client(
            headers={"User-Agent": USER_AGENT, **(headers or {})},
            timeout=TIMEOUT_S,
            follow_redirects=True,
            trust_env=not parts.hostname.startswith(LOOPBACK),
        )

    def get(self, path: str, params: Any = None, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """GET a path below the address, or a whole URL; returns an answer of 2xx, 3xx or 404 to 410.

        Raises SourceRefused, SourceUnreachable if the first attempts all fail, and Stopped.
        """
        return self.send("GET", path, params=params, headers=headers)

    def json(self, path: str, params: Any = None) -> Any:
        """GET and parse; raises Malformed for what is no JSON."""
        response = self.get(path, params)
        if response.status_code >= 400:
            raise self._refused(response)
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise Malformed(f"{path}: no JSON: {response.content[:80]!r}") from error

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request until it is answered."""
        url = path if "://" in path else self.address + path
        while True:
            wish: float | None = None
            try:
                response = self._client.request(method, url, **options)
            except httpx.TransportError as error:
                self._failed(error)
            else:
                self._answered = True
                if response.status_code not in AGAIN:
                    self._backoff.succeeded()
                    if response.status_code in (401, 403) or 410 < response.status_code < 500:
                        raise self._refused(response)
                    return response
                wish = self._held_off(response)
            self._wait(wish)

    @contextmanager
    def stream(self, path: str, params: Any = None) -> Iterator[httpx.Response]:
        """Open a response that goes on; raises Stopped, SourceRefused, SourceUnreachable like `send`.

        What breaks it later is an httpx.TransportError: go on with the next `stream`, which waits first.
        """
        while True:
            silence = httpx.Timeout(TIMEOUT_S, read=STREAM_SILENCE_S)
            wish: float | None = None
            try:
                response = self._client.send(
                    self._client.build_request("GET", self.address + path, params=params, timeout=silence), stream=True
                )
            except httpx.TransportError as error:
                self._failed(error)
            else:
                self._answered = True
                if response.status_code not in AGAIN:
                    break
                wish = self._held_off(response)
                response.close()
            self._wait(wish)
        try:
            if response.status_code >= 400:
                response.read()
                raise self._refused(response)
            yield response
        finally:
            response.close()

    def broke(self, error: Exception) -> None:
        """Note that a stream broke, and wait before the next one; raises Stopped."""
        self._failed(error)
        self._wait(None)

    def worked(self) -> None:
        """Note that a stream brought something: the next wait is short again."""
        self._backoff.succeeded()

    def _failed(self, error: Exception) -> None:
        why = str(error) or type(error).__name__
        if not self._answered and self._backoff.failures + 1 >= FIRST_ATTEMPTS:
            raise SourceUnreachable(f"cannot reach '{self.address}': {why}") from error
        self._session.troubles.add("reconnects")
        if self._answered:
            self._session.tell(f"{self._source}: the connection broke ({why}), trying again")

    def _held_off(self, response: httpx.Response) -> float | None:
        """Count and tell a refusal that time heals; returns how long the server wants us to wait."""
        wish = retry_after(response.headers.get("Retry-After"))
        self._session.troubles.add("throttled" if response.status_code == 429 else "server_errors")
        after = "" if wish is None else f", asks for {wish:.0f} s"
        self._session.tell(f"{self._source}: {response.url.path} answers {response.status_code}{after}")
        return wish

    def _wait(self, wish: float | None) -> None:
        wait = self._backoff.failed()
        if self._session.wait(wait if wish is None else max(wish, SHORTEST_S)):
            raise Stopped

    def _refused(self, response: httpx.Response) -> SourceRefused:
        said = " ".join(response.text.split())[:160]
        return SourceRefused(f"'{self.address}{response.url.path}' answers {response.status_code}: {said}")

"""A loopback proxy in front of the emulated AWS that answers some requests with the errors of the real AWS."""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

from deploy.local import aws

TIMEOUT_S = 60
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
S3 = "S3"


@dataclass(frozen=True)
class Trouble:
    """Requests of `action` ("Kinesis_20131202.GetRecords", S3) fail with `error`; `share` of them, from 0 to 1.

    `status` 200: they do not fail but are answered `delay_s` later. `done`: they are carried out, and then answered
    with the error.
    """

    action: str
    error: str = ""
    status: int = 400
    share: float = 1.0
    delay_s: float = 0.0
    done: bool = False

    def answer(self) -> tuple[str, bytes]:
        """The error as the service formats it: content type and body."""
        if self.action == S3:
            return "application/xml", f"<Error><Code>{self.error}</Code><Message>by chaos</Message></Error>".encode()
        return "application/x-amz-json-1.1", json.dumps({"__type": self.error, "message": "by chaos"}).encode()


class Proxy:
    """Forwards requests to `endpoint`, except those that `trouble` strikes; `broken` counts these."""

    def __init__(self, endpoint: str) -> None:
        self.trouble: Trouble | None = None
        self.broken = 0
        proxy, target = self, urlsplit(endpoint).netloc

        class Handler(_Handler):
            """A handler with a reference to this proxy."""

            def __init__(self, *args: object) -> None:
                self.proxy, self.target = proxy, target
                super().__init__(*args)  # type: ignore[arg-type]

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._server.serve_forever, name="proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def strikes(self, action: str) -> Trouble | None:
        """The trouble if it strikes a request of `action`, which is then counted; else None."""
        trouble = self.trouble
        if trouble is None or trouble.action != action or random.random() >= trouble.share:
            return None
        self.broken += 1
        return trouble


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that close the connection in the middle of an answer, as S3A does when it has read enough."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    target: str

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""

    def do_POST(self) -> None:
        """Refuse, delay or forward one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        trouble = self.proxy.strikes(self._action())
        if trouble is None:
            self._answer(*self._forwarded(body))
        elif trouble.status == 200:
            time.sleep(trouble.delay_s)
            self._answer(*self._forwarded(body))
        else:
            if trouble.done:
                self._forwarded(body)
            kind, answer = trouble.answer()
            self._answer(trouble.status, {"Content-Type": kind}, answer)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST  # noqa: N815

    def _action(self) -> str:
        in_bucket = self.path.startswith(tuple(f"/{bucket}" for bucket in aws.BUCKETS))
        return S3 if in_bucket else self.headers.get("X-Amz-Target", "")

    def _forwarded(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.target, timeout=TIMEOUT_S)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        # The answer to HEAD has the length that GET's body would have.
        length = {name.lower(): value for name, value in headers.items()}.get("content-length", "0")
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

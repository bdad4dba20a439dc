"""`python -m tests.simulators.container_credentials SECONDS`: where a container on EMR Serverless has its role from.

Prints its port. Each answer has another access key, CONTAINER1E<epoch second of its end> and so on, which expires after
SECONDS. Only the token `secret` is answered. GET /void/N makes it hand out keys that are expired from the beginning,
for N seconds, though it says that they are good. A process of its own: delta-rs waits for it without letting other
Python threads run.
"""

from __future__ import annotations

import http.server
import itertools
import json
import sys
import time
from datetime import UTC, datetime

TOKEN = "secret"


def end_of(access_key: str) -> float:
    """The epoch second from which a key of this container is refused; never for a key of another kind."""
    if not access_key.startswith("CONTAINER"):
        return float("inf")
    return float(access_key.rpartition("E")[2])


class Credentials(http.server.BaseHTTPRequestHandler):
    """Answers every path."""

    numbers = itertools.count(1)
    lifetime = 900.0
    void_until = 0.0

    def do_GET(self) -> None:
        """Send new credentials, or 403 without the token."""
        if self.headers.get("Authorization") != TOKEN:
            self.send_error(403)
            return
        if self.path.startswith("/void/"):
            Credentials.void_until = time.time() + float(self.path.rpartition("/")[2])
        number, end = next(self.numbers), time.time() + self.lifetime
        body = json.dumps(
            {
                "AccessKeyId": f"CONTAINER{number}E{0 if time.time() < self.void_until else int(end)}",
                "SecretAccessKey": "secret",
                "Token": f"token-{number}",
                "Expiration": datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(seconds: float) -> None:
    """Serve until killed."""
    Credentials.lifetime = seconds
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Credentials)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(float(sys.argv[1]))

"""`python -m tests.simulators.container_credentials SECONDS`: where a container on EMR Serverless has its role from.

Prints its port. Each answer has another access key, CONTAINER1, CONTAINER2 and so on, which expires after SECONDS. Only
the token `secret` is answered. A process of its own: delta-rs waits for it without letting other Python threads run.
"""

from __future__ import annotations

import http.server
import itertools
import json
import sys
from datetime import UTC, datetime, timedelta

TOKEN = "secret"


class Credentials(http.server.BaseHTTPRequestHandler):
    """Answers every path."""

    numbers = itertools.count(1)
    lifetime = timedelta(seconds=900)

    def do_GET(self) -> None:
        """Send new credentials, or 403 without the token."""
        if self.headers.get("Authorization") != TOKEN:
            self.send_error(403)
            return
        number = next(self.numbers)
        body = json.dumps(
            {
                "AccessKeyId": f"CONTAINER{number}",
                "SecretAccessKey": "secret",
                "Token": f"token-{number}",
                "Expiration": (datetime.now(UTC) + self.lifetime).strftime("%Y-%m-%dT%H:%M:%SZ"),
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
    Credentials.lifetime = timedelta(seconds=seconds)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Credentials)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(float(sys.argv[1]))

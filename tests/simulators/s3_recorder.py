"""`python -m tests.simulators.s3_recorder PORT FILE`: hands requests on to the S3 at PORT, and notes each in FILE.

Prints its own port. FILE gets one JSON object a request: method, path, query, and the keys that a bulk deletion names.
A process of its own: delta-rs waits for S3 without letting other Python threads run.
"""

from __future__ import annotations

import http.client
import http.server
import json
import re
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

NOT_HANDED_ON = {"connection", "transfer-encoding", "content-length"}


class Recorder(http.server.BaseHTTPRequestHandler):
    """One request after the other on a connection, as S3 does."""

    protocol_version = "HTTP/1.1"
    upstream = 0
    notes = sys.stdout
    lock = threading.Lock()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._note(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in NOT_HANDED_ON:
                self.send_header(name, value)
        # The answer to HEAD states the length of a content that does not follow.
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle

    def _note(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        keys = re.findall(r"<Key>(.*?)</Key>", body.decode("utf-8", "replace")) if "delete" in query else []
        note = {"method": self.command, "path": unquote(parts.path), "query": query, "keys": keys}
        with self.lock:
            self.notes.write(json.dumps(note) + "\n")
            self.notes.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(upstream: int, notes: str) -> None:
    """Serve until killed."""
    Recorder.upstream = upstream
    Recorder.notes = Path(notes).open("a")  # noqa: SIM115 - open as long as the process lives
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

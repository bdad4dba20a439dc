"""`python -m tests.simulators.strict_aws PORT`: the emulated AWS, strict with keys, and with Redshift's Data API.

The emulator itself accepts every key. Here a key of `container_credentials` is refused once it has expired, as AWS
refuses it, and requests to `redshift-data` go to the double on the PostgreSQL of the environment variables
WAREHOUSE_URL and WAREHOUSE_PASSWORD. GET /_strict tells how many requests of such keys were served, by service, and how
many were refused.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from botocore import xform_name
from botocore.exceptions import ClientError, ParamValidationError

from deploy.local import aws, emulator
from harness.redshift_double.data_api import FakeDataApi
from tests.simulators.container_credentials import end_of

App = Callable[[Any, Any, Any], Awaitable[None]]
CREDENTIAL = re.compile(r"Credential=([^/,]+)/\d+/[^/]+/([^/]+)/")
XML = "<?xml version='1.0'?><{0}><Code>ExpiredToken</Code><Message>The token has expired</Message></{0}>"
DATA_API = "RedshiftData."


class StrictAws:
    """An ASGI application before the emulator's."""

    def __init__(self, emulator_app: App, redshift: FakeDataApi) -> None:
        self._next = emulator_app
        self._redshift = redshift
        self._served: Counter[str] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer or refuse a request, or hand it on."""
        headers = {name.lower().decode(): value.decode() for name, value in scope.get("headers", ())}
        if scope.get("path") == "/_strict":
            await answer(send, 200, json.dumps(self._served))
            return
        found = CREDENTIAL.search(headers.get("authorization", ""))
        key, service = found.groups() if found else ("", "")
        if end_of(key) <= time.time():
            self._served["refused"] += 1
            await answer(send, *expired(service, headers))
            return
        if key.startswith("CONTAINER"):
            self._served[service] += 1
        if headers.get("x-amz-target", "").startswith(DATA_API):
            body = await body_of(receive)
            status, content = await asyncio.to_thread(self._of_redshift, headers["x-amz-target"], body)
            await answer(send, status, content)
            return
        await self._next(scope, receive, send)

    def _of_redshift(self, target: str, body: bytes) -> tuple[int, str]:
        operation = getattr(self._redshift, xform_name(target.removeprefix(DATA_API)))
        try:
            return 200, json.dumps(operation(**json.loads(body)))
        except ClientError as error:
            refused = error.response["Error"]
            return 400, json.dumps({"__type": refused["Code"], "message": refused["Message"]})
        except ParamValidationError as error:
            return 400, json.dumps({"__type": "ValidationException", "message": str(error)})


def expired(service: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status and body with which a service refuses an expired token, in the format of its protocol."""
    if "x-amz-target" in headers or "smithy-protocol" in headers:
        return 400, json.dumps({"__type": "ExpiredTokenException", "message": "The token has expired"})
    if service == "s3":
        return 400, XML.format("Error")
    return 403, f"<ErrorResponse>{XML.format('Error').partition('?>')[2]}</ErrorResponse>"


async def body_of(receive: Any) -> bytes:
    """The whole body of a request."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def answer(send: Any, status: int, body: str) -> None:
    """Send a whole answer."""
    kind = b"application/xml" if body.startswith("<") else b"application/x-amz-json-1.1"
    content = body.encode()
    lines = [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": content})


def main(port: int, warehouse: str, password: str) -> None:
    """Serve until SIGTERM."""

    def connect(user: str | None = None) -> psycopg.Connection:
        given: dict[str, Any] = {"user": user} if user else {}
        return psycopg.connect(warehouse, password=password, autocommit=True, options="-c timezone=UTC", **given)

    redshift = FakeDataApi(connect, aws.client("s3", f"http://127.0.0.1:{port}"))
    emulator.serve_until_stopped(port, lambda app: StrictAws(app, redshift))


if __name__ == "__main__":
    main(int(sys.argv[1]), os.environ["WAREHOUSE_URL"], os.environ["WAREHOUSE_PASSWORD"])

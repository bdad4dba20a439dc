"""Redshift through its Data API: no driver, no password, no connection to keep; IAM decides who may.

Guarantee: `run` executes its statements in one transaction. When it returns, the transaction has committed; when it
raises, it has been rolled back, or nobody knows (the network failed, or a cancelled statement did not end): whoever
calls must be able to repeat it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from streaming.errors import SinkUnavailable

MAX_STATEMENTS = 40  # that the service takes in one transaction
FIRST_PAUSE = 0.1
MAX_PAUSE = 2.0
ENDED = ("FINISHED", "FAILED", "ABORTED")
PATIENCE_AFTER_CANCEL = 30.0

Parameters = Mapping[str, str | int]


class Client(Protocol):
    """What we use of boto3's `redshift-data` client."""

    def batch_execute_statement(self, **request: Any) -> Any:
        """Start some statements as one transaction."""
        ...

    def execute_statement(self, **request: Any) -> Any:
        """Start one statement."""
        ...

    def describe_statement(self, **request: Any) -> Any:
        """Tell how a statement does."""
        ...

    def get_statement_result(self, **request: Any) -> Any:
        """Give a page of a statement's rows."""
        ...

    def cancel_statement(self, **request: Any) -> Any:
        """Ask a statement to stop."""
        ...


class StatementFailed(SinkUnavailable):
    """Redshift refused a statement, whose text is given. `query_id` is Redshift's own, where it got that far."""

    def __init__(self, message: str, statement: str, query_id: int | None) -> None:
        super().__init__(message)
        self.statement = statement
        self.query_id = query_id


@dataclass(frozen=True)
class DataApi:
    """One database of one cluster or workgroup.

    `database` is how each request names it (`WorkgroupName` or `ClusterIdentifier` and `DbUser`, and `Database`).
    `timeout` is in seconds, for one transaction; paused and resuming warehouses take minutes.
    """

    client: Client
    database: Mapping[str, str]
    timeout: float = 900.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def run(self, statements: Sequence[str], parameters: Parameters | None = None) -> None:
        """Execute the statements in one transaction."""
        request: dict[str, Any] = {"Sqls": list(statements), **self.database, **_bound(parameters)}
        self._ended(self._call(self.client.batch_execute_statement, request)["Id"])

    def rows(self, statement: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """The rows that a query answers."""
        request: dict[str, Any] = {"Sql": statement, **self.database, **_bound(parameters)}
        identity = self._call(self.client.execute_statement, request)["Id"]
        self._ended(identity)
        return list(self._pages(identity))

    def _pages(self, identity: str) -> Iterator[tuple[Any, ...]]:
        request = {"Id": identity}
        while True:
            page = self._call(self.client.get_statement_result, request)
            for record in page["Records"]:
                yield tuple(_value(field) for field in record)
            if not page.get("NextToken"):
                return
            request = {"Id": identity, "NextToken": page["NextToken"]}

    def _ended(self, identity: str) -> None:
        """Wait until the statement has finished; raises StatementFailed if it failed."""
        status = self._awaited(identity, self.timeout)
        if status is None:
            self._call(self.client.cancel_statement, {"Id": identity})
            status = self._awaited(identity, PATIENCE_AFTER_CANCEL)
        if status is None:
            raise SinkUnavailable(f"Redshift: statement {identity} did not end within {self.timeout:.0f} s")
        if status["Status"] != "FINISHED":
            raise StatementFailed(*_reason(status))

    def _awaited(self, identity: str, patience: float) -> Mapping[str, Any] | None:
        """The description of the ended statement; None if it has not ended in time."""
        deadline = self.clock() + patience
        pause = FIRST_PAUSE
        while True:
            status: Mapping[str, Any] = self._call(self.client.describe_statement, {"Id": identity})
            if status["Status"] in ENDED:
                return status
            if self.clock() >= deadline:
                return None
            self.sleep(pause)
            pause = min(pause * 1.5, MAX_PAUSE)

    def _call(self, operation: Callable[..., Any], request: Mapping[str, Any]) -> Any:
        try:
            return operation(**request)
        except (BotoCoreError, ClientError) as error:  # boto3 has retried what can be retried at once
            raise SinkUnavailable(f"Redshift Data API: {error}") from error


def _bound(parameters: Parameters | None) -> dict[str, Any]:
    if not parameters:
        return {}
    return {"Parameters": [{"name": name, "value": str(value)} for name, value in parameters.items()]}


def _value(field: Mapping[str, Any]) -> Any:
    """A field comes as its type's name and its value, null as `isNull`."""
    return None if field.get("isNull") else next(iter(field.values()))


def _reason(status: Mapping[str, Any]) -> tuple[str, str, int | None]:
    failed: Mapping[str, Any] = next(
        (part for part in status.get("SubStatements", ()) if part["Status"] == "FAILED"), status
    )
    statement = " ".join(str(failed.get("QueryString", "")).split())[:120]
    query = failed.get("RedshiftQueryId") or 0
    message = f"Redshift: {failed.get('Error') or status.get('Error') or status['Status']} [{statement}]"
    return message, statement, query if query > 0 else None

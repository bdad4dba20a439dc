"""Redshift's Data API, by hand, on a real PostgreSQL. For tests, and for `moodstream chaos --hostile`.

It refuses what the service refuses: requests that its model does not allow, more than 40 statements or 100 KB of SQL,
parameters in COPY, results older than 24 hours. The statements of a batch run in one session and one transaction, as a
user that owns nothing but what it creates; only requests with a secret run as the administrator. As in Redshift, tables
enforce no key, measure text in bytes, and take two texts for equal that differ by trailing blanks only. COPY reads
manifest and Parquet from S3 and insists on what Redshift insists on. Faults can be ordered.

What it cannot show: Redshift's planner, distribution, and isolation. sqlglot rewrites what PostgreSQL spells otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import boto3
import psycopg
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError
from botocore.validate import ParamValidator

from harness.redshift_double.copying import LoadError, copied
from harness.redshift_double.sql import make_widths, translated

JOB_USER = "IAMR:moodstream-job"
MAX_STATEMENTS = 40
MAX_STATEMENT_BYTES = 100_000
RESULT_SECONDS = 24 * 3600
ERRORS = """
create table if not exists sys_load_error_detail (
    query_id bigint, file_name text, line_number bigint, column_name text, column_type text, error_message text
);
grant select on sys_load_error_detail to public
"""
_MODEL = boto3.client("redshift-data", region_name="us-east-1").meta.service_model


class FakeDataApi:
    """A client as boto3's `redshift-data`. `faults` maps a moment to what happens then, once.

    Moments: `call:OPERATION` before a request, `reply:OPERATION` after it took effect, `statement:N` before the Nth
    statement of a batch (from 0), `commit` before the commit. `hang` statements stay STARTED until they are cancelled;
    `late` ones take effect, but are called STARTED until it is tried to cancel them.
    """

    def __init__(
        self, connect: Callable[..., psycopg.Connection], s3: Any, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`connect` connects as the administrator, or as the user that it is given."""
        self.connect = connect
        self.s3 = s3
        self.clock = clock
        self.faults: dict[str, Exception] = {}
        self.hang = 0
        self.late = 0
        self.requests: list[tuple[str, Mapping[str, Any]]] = []
        self._statements: dict[str, dict[str, Any]] = {}
        self._results: dict[str, list[tuple[Any, ...]]] = {}
        self._ended_at: dict[str, float] = {}
        self._ids = count(1)
        with connect() as connection:
            connection.execute(ERRORS)

    def batch_execute_statement(self, **request: Any) -> Any:
        """Run some statements as one transaction."""
        return self._request("BatchExecuteStatement", request, lambda: self._execute(request["Sqls"], request))

    def execute_statement(self, **request: Any) -> Any:
        """Run one statement."""
        return self._request("ExecuteStatement", request, lambda: self._execute([request["Sql"]], request))

    def describe_statement(self, **request: Any) -> Any:
        """Tell how a statement does."""
        return self._request("DescribeStatement", request, lambda: self._known(request["Id"]))

    def get_statement_result(self, **request: Any) -> Any:
        """Give two rows of a result at a time."""

        def page() -> Any:
            self._known(request["Id"])
            rows = self._results[request["Id"]]
            start = int(request.get("NextToken", 0))
            found = {"Records": [[_field(value) for value in row] for row in rows[start : start + 2]]}
            return found | ({"NextToken": str(start + 2)} if start + 2 < len(rows) else {})

        return self._request("GetStatementResult", request, page)

    def cancel_statement(self, **request: Any) -> Any:
        """Stop a statement that is not over."""

        def cancelled() -> Any:
            status = self._known(request["Id"])
            status["Status"] = status.pop("late", "ABORTED")
            return {"Status": True}

        return self._request("CancelStatement", request, cancelled)

    def _request(self, operation: str, request: Mapping[str, Any], effect: Callable[[], Any]) -> Any:
        shape = _MODEL.operation_model(operation).input_shape
        report = ParamValidator().validate(request, shape)  # type: ignore[arg-type]
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())
        self.requests.append((operation, request))
        self._fault(f"call:{operation}")
        answer = effect()
        self._fault(f"reply:{operation}")
        return answer

    def _known(self, identity: str) -> dict[str, Any]:
        if self.clock() - self._ended_at[identity] > RESULT_SECONDS:
            raise refusal("ResourceNotFoundException", f"query {identity} has expired")
        return self._statements[identity]

    def _fault(self, moment: str) -> None:
        if moment in self.faults:
            raise self.faults.pop(moment)

    def _execute(self, statements: list[str], request: Mapping[str, Any]) -> Any:
        if len(statements) > MAX_STATEMENTS:
            raise refusal("ValidationException", f"{len(statements)} statements, at most {MAX_STATEMENTS} are allowed")
        if longest := [sql for sql in statements if len(sql.encode()) > MAX_STATEMENT_BYTES]:
            raise refusal("ValidationException", f"statement of {len(longest[0].encode())} bytes, at most 100 KB")
        identity = str(next(self._ids))
        self._ended_at[identity] = self.clock()
        parameters = {given["name"]: given["value"] for given in request.get("Parameters", ())}
        status: dict[str, Any] = {"Id": identity, "Status": "FINISHED", "RedshiftQueryId": int(identity)}
        self._statements[identity] = status
        if self.hang:
            self.hang -= 1
            status["Status"] = "STARTED"
            return {"Id": identity}
        parts: list[dict[str, Any]] = [{"QueryString": sql, "Status": "SUBMITTED"} for sql in statements]
        connection = self.connect() if "SecretArn" in request else self.connect(JOB_USER)
        connection.autocommit = False
        place = 0
        try:
            for place, sql in enumerate(statements):
                self._fault(f"statement:{place}")
                self._results[identity] = self._run(connection, sql, parameters)
                parts[place]["Status"] = "FINISHED"
            self._fault("commit")
            connection.commit()
        except Exception as error:
            connection.rollback()
            parts[place] |= {"Status": "FAILED", "Error": str(error), "RedshiftQueryId": int(identity)}
            status |= {"Status": "FAILED", "Error": str(error)}
            if isinstance(error, LoadError):
                self._complain(int(identity), str(error))
        finally:
            connection.close()
        if "Sqls" in request:
            status["SubStatements"] = parts
        if self.late:
            self.late -= 1
            status |= {"late": status["Status"], "Status": "STARTED"}
        return {"Id": identity}

    def _run(self, connection: psycopg.Connection, sql: str, parameters: Mapping[str, str]) -> list[tuple[Any, ...]]:
        if sql.startswith("copy "):
            copied(self.s3, connection, sql)
            return []
        make_widths(self.connect, sql)
        statement, values = translated(sql, parameters)
        cursor = connection.execute(statement.encode(), values)
        return list(cursor.fetchall()) if cursor.description else []

    def _complain(self, query: int, why: str) -> None:
        file, line, column, kind, message = why.split("|")
        with self.connect() as connection:
            connection.execute(
                "insert into sys_load_error_detail values (%s, %s, %s, %s, %s, %s)",
                [query, file, int(line), column, kind, message],
            )


def _field(value: Any) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    kinds = {bool: "booleanValue", int: "longValue", float: "doubleValue"}
    kind = kinds.get(type(value), "stringValue")
    return {kind: value if kind != "stringValue" else str(value)}


def prepared(connect: Callable[..., psycopg.Connection], password: str) -> None:
    """Make the job's user, as Redshift does at its first request: one that owns nothing."""
    with connect() as connection:
        if connection.execute("select 1 from pg_roles where rolname = %s", [JOB_USER]).fetchone() is None:
            connection.execute(f"create role \"{JOB_USER}\" login password '{password}'")


def refusal(code: str, message: str = "", operation: str = "a request") -> ClientError:
    """What boto3 raises for an error code of the service, ThrottlingException for instance."""
    return ClientError({"Error": {"Code": code, "Message": message or code}}, operation)


def unreachable() -> EndpointConnectionError:
    """The network is down."""
    return EndpointConnectionError(endpoint_url="https://redshift-data.us-east-1.amazonaws.com")

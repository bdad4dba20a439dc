"""Redshift's Data API, by hand, on a real PostgreSQL.

Requests are checked against the service's own model, statements run in one session and one transaction, COPY reads
manifest and Parquet from S3 and insists on what Redshift insists on, and faults can be ordered.

What it cannot show: Redshift's planner, distribution, and isolation. sqlglot rewrites what PostgreSQL spells otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from io import BytesIO
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import boto3
import psycopg
import pyarrow as pa
import sqlglot
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError
from botocore.validate import ParamValidator
from pyarrow import parquet
from sqlglot import exp

from streaming.warehouse.postgres import as_csv

COPY = re.compile(
    r"copy (?P<table>\w+)\s+from '(?P<manifest>s3://[^']+)'\s+iam_role '(?P<role>arn:[^']+)'\s+"
    r"format as parquet\s+manifest$"
)
ERRORS = """
create table if not exists sys_load_error_detail (
    query_id bigint, file_name text, line_number bigint, column_name text, column_type text, error_message text
)
"""
PARQUET = {
    "timestamp without time zone": pa.types.is_timestamp,
    "bigint": pa.types.is_int64,
    "integer": pa.types.is_int32,
    "double precision": pa.types.is_float64,
    "boolean": pa.types.is_boolean,
    "character varying": pa.types.is_string,
}
_MODEL = boto3.client("redshift-data", region_name="us-east-1").meta.service_model

PLACEMENT = (exp.DistKeyProperty, exp.DistStyleProperty, exp.SortKeyProperty)


class LoadError(Exception):
    """COPY refused a file."""


class FakeDataApi:
    """A client as boto3's `redshift-data`. `faults` maps a moment to what happens then, once.

    Moments: `call:OPERATION` before a request, `reply:OPERATION` after it took effect, `statement:N` before the Nth
    statement of a batch (from 0), `commit` before the commit. `hang` statements stay STARTED until they are cancelled;
    `late` ones take effect, but are called STARTED until it is tried to cancel them.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection], s3: Any) -> None:
        self.connect = connect
        self.s3 = s3
        self.faults: dict[str, Exception] = {}
        self.hang = 0
        self.late = 0
        self.requests: list[tuple[str, Mapping[str, Any]]] = []
        self._statements: dict[str, dict[str, Any]] = {}
        self._results: dict[str, list[tuple[Any, ...]]] = {}
        self._ids = count(1)
        with connect() as connection:
            connection.execute(ERRORS)

    def batch_execute_statement(self, **request: Any) -> Any:
        return self._request("BatchExecuteStatement", request, lambda: self._execute(request["Sqls"], request))

    def execute_statement(self, **request: Any) -> Any:
        return self._request("ExecuteStatement", request, lambda: self._execute([request["Sql"]], request))

    def describe_statement(self, **request: Any) -> Any:
        return self._request("DescribeStatement", request, lambda: self._statements[request["Id"]])

    def get_statement_result(self, **request: Any) -> Any:
        def page() -> Any:
            rows = self._results[request["Id"]]
            start = int(request.get("NextToken", 0))
            found = {"Records": [[_field(value) for value in row] for row in rows[start : start + 2]]}
            return found | ({"NextToken": str(start + 2)} if start + 2 < len(rows) else {})

        return self._request("GetStatementResult", request, page)

    def cancel_statement(self, **request: Any) -> Any:
        def cancelled() -> Any:
            status = self._statements[request["Id"]]
            status["Status"] = status.pop("late", "ABORTED")
            return {"Status": True}

        return self._request("CancelStatement", request, cancelled)

    def _request(self, operation: str, request: Mapping[str, Any], effect: Callable[[], Any]) -> Any:
        shape = _MODEL.operation_model(operation).input_shape
        report = ParamValidator().validate(request, shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())
        self.requests.append((operation, request))
        self._fault(f"call:{operation}")
        answer = effect()
        self._fault(f"reply:{operation}")
        return answer

    def _fault(self, moment: str) -> None:
        if moment in self.faults:
            raise self.faults.pop(moment)

    def _execute(self, statements: list[str], request: Mapping[str, Any]) -> Any:
        assert len(statements) <= 40, "the service takes 40 statements in a batch"
        identity = str(next(self._ids))
        parameters = {given["name"]: given["value"] for given in request.get("Parameters", ())}
        status: dict[str, Any] = {"Id": identity, "Status": "FINISHED", "RedshiftQueryId": int(identity)}
        self._statements[identity] = status
        if self.hang:
            self.hang -= 1
            status["Status"] = "STARTED"
            return {"Id": identity}
        parts: list[dict[str, Any]] = [{"QueryString": sql, "Status": "SUBMITTED"} for sql in statements]
        connection = self.connect()
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
        if copied := COPY.match(sql):
            self._copy(connection, copied["table"], copied["manifest"])
            return []
        cursor = connection.execute(*_translated(sql, parameters))  # type: ignore[call-overload]
        return list(cursor.fetchall()) if cursor.description else []

    def _copy(self, connection: psycopg.Connection, table: str, manifest: str) -> None:
        columns = connection.execute(
            "select attname, format_type(atttypid, null), atttypmod - 4 from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 order by attnum",
            [table],
        ).fetchall()
        for entry in json.loads(self._object(manifest))["entries"]:
            content = self._object(entry["url"])
            if len(content) != entry["meta"]["content_length"]:
                raise LoadError(f"{entry['url']}|0|||content_length is wrong")
            rows = parquet.read_table(BytesIO(content))
            _check(entry["url"], rows, columns)
            names = ", ".join(name for name, _, _ in columns)
            with connection.cursor().copy(f"copy {table} ({names}) from stdin (format csv)") as copy:  # type: ignore[call-overload]
                copy.write(as_csv(rows))

    def _object(self, url: str) -> bytes:
        parts = urlsplit(url)
        content: bytes = self.s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
        return content

    def _complain(self, query: int, why: str) -> None:
        file, line, column, kind, message = why.split("|")
        with self.connect() as connection:
            connection.execute(
                "insert into sys_load_error_detail values (%s, %s, %s, %s, %s, %s)",
                [query, file, int(line), column, kind, message],
            )


def _check(url: str, rows: pa.Table, columns: list[Any]) -> None:
    """What COPY from Parquet insists on: as many columns, by place, of the very type, and short enough."""
    if rows.num_columns != len(columns):
        raise LoadError(f"{url}|0|||{rows.num_columns} columns in the file, {len(columns)} in the table")
    for place, (name, kind, width) in enumerate(columns):
        column = rows.column(place)
        if not PARQUET[kind](column.type):
            raise LoadError(f"{url}|0|{name}|{kind}|incompatible Parquet schema: {column.type}")
        if kind == "character varying":
            for line, value in enumerate(column.to_pylist()):
                if value is not None and len(value.encode()) > width:
                    raise LoadError(f"{url}|{line}|{name}|{kind}|value is longer than {width} bytes")
                if value is not None and "\0" in value:
                    raise LoadError(f"{url}|{line}|{name}|{kind}|NUL character")


def _translated(sql: str, parameters: Mapping[str, str]) -> tuple[str, Mapping[str, str] | None]:
    """PostgreSQL's spelling, with psycopg's placeholders for `:name`."""
    if sql.startswith("lock "):
        return sql, None
    tree = sqlglot.parse_one(sql, read="redshift")
    for attribute in tree.find_all(*PLACEMENT):
        attribute.pop()
    translated = tree.sql(dialect="postgres")
    if not parameters:
        return translated, None
    return re.sub(r"%\((\w+)\)s", r"%(\1)s::text", translated), parameters


def _field(value: Any) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    kinds = {bool: "booleanValue", int: "longValue", float: "doubleValue"}
    kind = kinds.get(type(value), "stringValue")
    return {kind: value if kind != "stringValue" else str(value)}


def throttled(operation: str) -> ClientError:
    """Too many statements at once."""
    return ClientError({"Error": {"Code": "ActiveStatementsExceededException", "Message": "busy"}}, operation)


def unreachable() -> EndpointConnectionError:
    """The network is down."""
    return EndpointConnectionError(endpoint_url="https://redshift-data.us-east-1.amazonaws.com")

"""Redshift's Data API, by hand, on a real PostgreSQL.

It refuses what the service refuses: requests that its model does not allow, more than 40 statements or 100 KB of SQL,
parameters in COPY, results older than 24 hours. The statements of a batch run in one session and one transaction, as a
user that owns nothing but what it creates; only requests with a secret run as the administrator. As in Redshift, tables
enforce no key, measure text in bytes, and take two texts for equal that differ by trailing blanks only. COPY reads
manifest and Parquet from S3 and insists on what Redshift insists on. Faults can be ordered.

What it cannot show: Redshift's planner, distribution, and isolation. sqlglot rewrites what PostgreSQL spells otherwise.
"""

from __future__ import annotations

import json
import re
import time
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
WIDTH = "varchar_{}_bytes"
PARQUET = {
    "timestamp without time zone": pa.types.is_timestamp,
    "bigint": pa.types.is_int64,
    "integer": pa.types.is_int32,
    "double precision": pa.types.is_float64,
    "boolean": pa.types.is_boolean,
}
_MODEL = boto3.client("redshift-data", region_name="us-east-1").meta.service_model

PLACEMENT = (exp.DistKeyProperty, exp.DistStyleProperty, exp.SortKeyProperty)
KEYS = (exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint)


class LoadError(Exception):
    """COPY refused a file."""


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
        return self._request("BatchExecuteStatement", request, lambda: self._execute(request["Sqls"], request))

    def execute_statement(self, **request: Any) -> Any:
        return self._request("ExecuteStatement", request, lambda: self._execute([request["Sql"]], request))

    def describe_statement(self, **request: Any) -> Any:
        return self._request("DescribeStatement", request, lambda: self._known(request["Id"]))

    def get_statement_result(self, **request: Any) -> Any:
        def page() -> Any:
            self._known(request["Id"])
            rows = self._results[request["Id"]]
            start = int(request.get("NextToken", 0))
            found = {"Records": [[_field(value) for value in row] for row in rows[start : start + 2]]}
            return found | ({"NextToken": str(start + 2)} if start + 2 < len(rows) else {})

        return self._request("GetStatementResult", request, page)

    def cancel_statement(self, **request: Any) -> Any:
        def cancelled() -> Any:
            status = self._known(request["Id"])
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
        if copied := COPY.match(sql):
            self._copy(connection, copied["table"], copied["manifest"])
            return []
        if sql.startswith("copy "):
            raise LoadError(f"|0|||COPY takes no parameters and no other options: {sql}")
        self._make_widths(sql)
        cursor = connection.execute(*_translated(sql, parameters))  # type: ignore[call-overload]
        return list(cursor.fetchall()) if cursor.description else []

    def _make_widths(self, sql: str) -> None:
        """PostgreSQL measures varchar in characters, and compares all of it: make types that do as Redshift does.

        Its bpchar keeps trailing blanks and ignores them when it compares, as Redshift's varchar.
        """
        if not sql.startswith("create t"):
            return
        widths = {_width(column) for column in sqlglot.parse_one(sql, read="redshift").find_all(exp.ColumnDef)}
        with self.connect() as connection:
            for width in widths - {None}:
                name = WIDTH.format(width)
                if connection.execute("select 1 from pg_type where typname = %s", [name]).fetchone() is None:
                    limit = f"check (octet_length(value) <= {width})"
                    connection.execute(f"create domain {name} as bpchar {limit}")  # type: ignore[call-overload]

    def _copy(self, connection: psycopg.Connection, table: str, manifest: str) -> None:
        columns = connection.execute(
            "select attname, format_type(atttypid, null) from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 order by attnum",
            [table],
        ).fetchall()
        for entry in json.loads(self._object(manifest))["entries"]:
            try:
                content = self._object(entry["url"])
            except ClientError as error:
                raise LoadError(f"{entry['url']}|0|||the manifest names a file that is not there") from error
            if len(content) != entry["meta"]["content_length"]:
                raise LoadError(f"{entry['url']}|0|||content_length is wrong")
            rows = parquet.read_table(BytesIO(content))
            _check(entry["url"], rows, columns)
            names = ", ".join(name for name, _ in columns)
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
    for place, (name, kind) in enumerate(columns):
        column = rows.column(place)
        text = kind not in PARQUET
        if not (pa.types.is_string if text else PARQUET[kind])(column.type):
            raise LoadError(f"{url}|0|{name}|{kind}|incompatible Parquet schema: {column.type}")
        if text:
            width = int(kind.split("_")[1])
            for line, value in enumerate(column.to_pylist()):
                if value is not None and len(value.encode()) > width:
                    raise LoadError(f"{url}|{line}|{name}|{kind}|value is longer than {width} bytes")
                if value is not None and "\0" in value:
                    raise LoadError(f"{url}|{line}|{name}|{kind}|NUL character")


def _translated(sql: str, parameters: Mapping[str, str]) -> tuple[str, Mapping[str, str] | None]:
    """PostgreSQL's spelling, with psycopg's placeholders for `:name`."""
    if sql.startswith(("lock ", "alter ", "create schema")):
        return sql, None
    if sql.startswith("create user "):
        return sql.removesuffix(" password disable"), None
    tree = sqlglot.parse_one(sql, read="redshift")
    for attribute in tree.find_all(*PLACEMENT):
        attribute.pop()
    for definition in list(tree.find_all(exp.Schema)):
        definition.set("expressions", [part for part in definition.expressions if not isinstance(part, exp.PrimaryKey)])
    for column in tree.find_all(exp.ColumnDef):
        kept = [constraint for constraint in column.constraints if not isinstance(constraint.kind, KEYS)]
        column.set("constraints", kept)
        if width := _width(column):
            column.set("kind", exp.DataType.build(WIDTH.format(width), dialect="postgres", udt=True))
    translated = tree.sql(dialect="postgres")
    if not parameters:
        return translated, None
    return re.sub(r"%\((\w+)\)s", r"%(\1)s::bpchar", translated), parameters


def _width(column: exp.ColumnDef) -> int | None:
    """How many bytes a text column takes; None if it is of another type."""
    kind = column.args["kind"]
    return int(kind.expressions[0].name) if kind.this == exp.DataType.Type.VARCHAR else None


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
            connection.execute(f"create role \"{JOB_USER}\" login password '{password}'")  # type: ignore[call-overload]


def refusal(code: str, message: str = "", operation: str = "a request") -> ClientError:
    """What boto3 raises for an error code of the service, ThrottlingException for instance."""
    return ClientError({"Error": {"Code": code, "Message": message or code}}, operation)


def unreachable() -> EndpointConnectionError:
    """The network is down."""
    return EndpointConnectionError(endpoint_url="https://redshift-data.us-east-1.amazonaws.com")

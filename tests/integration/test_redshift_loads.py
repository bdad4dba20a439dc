"""Redshift's own statements through a Data API that runs them on a real engine, with every step failing once."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from pyarrow import parquet
from pyspark.sql.pandas.types import to_arrow_schema

from deploy.infra import grant
from deploy.local import aws
from harness.redshift_double.data_api import JOB_USER, FakeDataApi, prepared, refusal, unreachable
from streaming.delta.lake_files import LakeFiles
from streaming.delta.log import DataFile
from streaming.errors import DataFilesGone, LeaseLost, PermanentFailure, RowsRefused, SinkUnavailable, StreamingError
from streaming.fencing import Token
from streaming.files import Files
from streaming.settings import Settings
from streaming.tables import catalog
from streaming.tables.columns import PARTITIONS
from streaming.warehouse import statements
from streaming.warehouse.base import HopToken, Load
from streaming.warehouse.facts import identity
from streaming.warehouse.left_out import LeavesOut
from streaming.warehouse.redshift.data_api import DataApi
from streaming.warehouse.redshift.staging import Staging
from streaming.warehouse.redshift.warehouse import RedshiftWarehouse
from streaming.warehouse.serving import GOLD
from tests.integration.conftest import Database, fresh
from tests.lake_rows import rows_of, settings_of
from tests.warehouse_rows import NOON, a_comment, a_load, a_post, a_profile, an_interaction, minutes

BUCKET = "moodstream-staging"
ROLE = "arn:aws:iam::123456789012:role/copy"
WHERE = {"WorkgroupName": "moodstream", "Database": "dev"}
ADMIN = {**WHERE, "SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:admin"}
COUNTS = """
select (select count(*) from dw.fact_post), (select count(*) from dw.fact_comment),
    (select count(*) from dw.fact_interaction), (select count(*) from dw.dim_user),
    (select count(*) from dw.load_ledger)
"""


@pytest.fixture(scope="session")
def template(server: Database, s3: Any) -> str:
    """The name of a database with the schema of Redshift's migrations."""
    server.run("create database redshift")
    prepared(server.connect, server.password)
    granted(FakeDataApi(server.named("redshift").connect, s3))
    opened(FakeDataApi(server.named("redshift").connect, s3), s3).migrate()
    return "redshift"


@pytest.fixture
def database(server: Database, template: str, s3: Any) -> Iterator[Database]:
    """A database with that schema."""
    yield from fresh(server, template)
    for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=found["Key"])


@pytest.fixture
def api(database: Database, s3: Any) -> FakeDataApi:
    return FakeDataApi(database.connect, s3)


def opened(api: FakeDataApi, s3: Any, token: int | None = None) -> RedshiftWarehouse:
    """A warehouse as a new process opens it; time passes at once."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    patient = DataApi(api, WHERE, timeout=60, clock=lambda: now[0], sleep=sleep)
    shown = HopToken(Token("a-lake", token), "load") if token else None
    return RedshiftWarehouse(patient, Staging(s3, BUCKET, "loads"), ROLE, shown)


def granted(api: FakeDataApi) -> None:
    """What the administrator does once."""
    grant.apply(DataApi(api, ADMIN), JOB_USER)


def everything(batch: int = 0) -> Load:
    interactions = [an_interaction(post_id="p"), an_interaction()]
    return a_load([a_post(), a_post()], [a_comment()], interactions, [a_profile()], batch=batch)


def test_a_load_brings_its_rows_and_its_ledger_row(database: Database, api: FakeDataApi, s3: Any) -> None:
    assert opened(api, s3).commit([everything()]) == 1
    assert database.rows(COUNTS) == [(2, 1, 2, 1, 1)]
    times = "select event_time at time zone 'UTC', arrival_time at time zone 'UTC', date_key, time_key, query, batch_id"
    assert database.rows(f"{times} from dw.fact_comment") == [(NOON, NOON, 20260301, 720, "load", 0)]


def test_rows_and_ledger_are_one_transaction_of_at_most_40_statements(
    database: Database, api: FakeDataApi, s3: Any
) -> None:
    opened(api, s3).commit([everything()])
    batches = [request for operation, request in api.requests if operation == "BatchExecuteStatement"]
    assert len(batches) == 1
    assert len(batches[0]["Sqls"]) <= 40


def all_of_gold(version: int, *, replaces: bool) -> list[Load]:
    """One row for every gold table."""
    loads = []
    for table in GOLD:
        name = table.name.removeprefix("gold/")
        kinds: dict[pa.DataType, Any] = {pa.string(): "x", pa.int64(): 1, pa.float64(): 0.5}
        row = {column: [kinds.get(kind, NOON)] for column, kind in (*table.key, *table.values)}
        rows = pa.table(row).append_column("deleted", pa.array([False]))
        loads.append(Load(f"serve/{name}/id", version, {name: rows}, NOON, replaces=replaces))
    return loads


@pytest.mark.parametrize("replaces", [False, True])
def test_all_of_gold_is_served_within_the_limit_of_statements(
    database: Database, api: FakeDataApi, s3: Any, *, replaces: bool
) -> None:
    """A first round, or one after its ledger was lost, replaces every table."""
    loads = all_of_gold(3, replaces=replaces)
    assert opened(api, s3, token=1).commit(loads) == len(GOLD)
    for table in GOLD:
        assert database.rows(f"select count(*) from dw.{table.name.removeprefix('gold/')}") == [1]
    assert opened(api, s3).commit(loads) == 0


def test_more_than_a_transaction_takes_is_committed_in_several_each_with_its_part_of_the_ledger(
    database: Database, api: FakeDataApi, s3: Any
) -> None:
    loads = [load for version in range(4) for load in all_of_gold(version, replaces=True)]
    assert opened(api, s3).commit(loads) == 4 * len(GOLD)
    assert database.rows("select count(*) from dw.load_ledger") == [4 * len(GOLD)]


def test_a_schema_that_the_job_may_not_make_stops_it_with_the_remedy(empty_database: Database, s3: Any) -> None:
    prepared(empty_database.connect, empty_database.password)
    with pytest.raises(PermanentFailure, match="--grant"):
        opened(FakeDataApi(empty_database.connect, s3), s3).migrate()


def test_tables_that_an_administrator_made_are_handed_to_the_job(empty_database: Database, s3: Any) -> None:
    prepared(empty_database.connect, empty_database.password)
    empty_database.run("create schema dw")
    empty_database.run("create table dw.old (x int); create view dw.shown as select x from dw.old")
    for _ in range(2):
        granted(FakeDataApi(empty_database.connect, s3))
    assert set(empty_database.rows("select tableowner from pg_tables where schemaname = 'dw'")) == {JOB_USER}
    assert set(empty_database.rows("select viewowner from pg_views where schemaname = 'dw'")) == {JOB_USER}


def test_the_double_refuses_what_the_service_refuses(database: Database, s3: Any) -> None:
    now = [0.0]
    api = FakeDataApi(database.connect, s3, clock=lambda: now[0])
    for sqls in (["select 1"] * 41, [f"select '{'x' * 100_000}'"]):
        with pytest.raises(ClientError, match="ValidationException"):
            api.batch_execute_statement(Sqls=sqls, **WHERE)
    identity = api.execute_statement(Sql="select 1", **WHERE)["Id"]
    now[0] = 25 * 3600
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        api.get_statement_result(Id=identity)
    rows = DataApi(api, WHERE)
    with pytest.raises(SinkUnavailable, match="COPY takes no parameters"):
        rows.run(["copy x from :manifest iam_role 'arn:r' format as parquet manifest"], {"manifest": "s3://b/m"})
    with pytest.raises(SinkUnavailable, match="permission denied"):
        rows.run(["create schema other"])
    with pytest.raises(SinkUnavailable, match="violates check constraint"):
        rows.run(["create temporary table t (x varchar(3))", "insert into t values ('éé')"])


def test_a_batch_that_is_replayed_counts_once(database: Database, api: FakeDataApi, s3: Any) -> None:
    load = everything()
    assert [opened(api, s3).commit([load]) for _ in range(3)] == [1, 0, 0]
    assert database.rows(COUNTS) == [(2, 1, 2, 1, 1)]


def test_a_job_that_lost_its_checkpoint_doubles_nothing(database: Database, api: FakeDataApi, s3: Any) -> None:
    posts, profiles = [a_post(event_time=minutes(n)) for n in range(3)], [a_profile()]
    opened(api, s3).commit([a_load(posts, profiles=profiles, query="before")])
    opened(api, s3).commit([a_load([*posts, a_post()], profiles=profiles, query="after")])
    assert database.rows(COUNTS) == [(4, 0, 0, 1, 2)]


def test_an_event_that_is_twice_in_one_load_counts_once(database: Database, api: FakeDataApi, s3: Any) -> None:
    post, profile = a_post(), a_profile()
    opened(api, s3).commit([a_load([post, post], profiles=[profile, profile])])
    assert database.rows(COUNTS) == [(1, 0, 0, 1, 1)]


STATEMENTS_OF_A_LOAD = 15


def test_a_failure_in_any_statement_leaves_nothing_and_the_repeated_load_is_complete(
    database: Database, api: FakeDataApi, s3: Any
) -> None:
    load = everything()
    warehouse = opened(api, s3)
    for moment in (*(f"statement:{n}" for n in range(STATEMENTS_OF_A_LOAD)), "commit"):
        api.faults[moment] = RuntimeError("1023: could not serialize")
        with pytest.raises(SinkUnavailable, match="could not serialize"):
            warehouse.commit([load])
        assert database.rows(COUNTS) == [(0, 0, 0, 0, 0)]
    assert warehouse.commit([load]) == 1
    assert database.rows(COUNTS) == [(2, 1, 2, 1, 1)]
    last = api.requests[-2][1] if api.requests[-1][0] == "DescribeStatement" else api.requests[-1][1]
    assert len(last["Sqls"]) == STATEMENTS_OF_A_LOAD, "the faults above cover every statement"


@pytest.mark.parametrize(
    ("when", "fault"),
    [
        ("call", refusal("ActiveStatementsExceededException")),
        ("call", refusal("ThrottlingException")),
        ("call", unreachable()),
        ("reply", unreachable()),
    ],
)
@pytest.mark.parametrize(
    "operation", ["BatchExecuteStatement", "DescribeStatement", "ExecuteStatement", "GetStatementResult"]
)
def test_a_request_that_is_lost_on_either_way_loses_and_doubles_nothing(
    database: Database, api: FakeDataApi, s3: Any, operation: str, when: str, fault: Exception
) -> None:
    load = everything()
    warehouse = opened(api, s3)
    api.faults[f"{when}:{operation}"] = fault
    with pytest.raises(SinkUnavailable):
        warehouse.commit([load])
    warehouse.commit([load])
    assert database.rows(COUNTS) == [(2, 1, 2, 1, 1)]


def test_a_statement_that_hangs_is_cancelled_and_the_load_repeated(
    database: Database, api: FakeDataApi, s3: Any
) -> None:
    load = everything()
    warehouse = opened(api, s3)
    warehouse.last_batch("load")
    warehouse.commit([everything(batch=-1)])
    api.hang = 1
    with pytest.raises(SinkUnavailable, match="ABORTED"):
        warehouse.commit([load])
    assert "CancelStatement" in [operation for operation, _ in api.requests]
    assert warehouse.commit([load]) == 1


def test_a_load_that_commits_although_its_time_is_over_counts_once(
    database: Database, api: FakeDataApi, s3: Any
) -> None:
    load = everything()
    warehouse = opened(api, s3)
    warehouse.last_batch("load")
    api.late = 1
    assert warehouse.commit([load]) == 1
    assert "CancelStatement" in [operation for operation, _ in api.requests]
    assert [opened(api, s3).commit([load]), warehouse.commit([load])] == [0, 0]
    assert database.rows(COUNTS) == [(2, 1, 2, 1, 1)]


class Killed(BaseException):
    """The process ends here; nothing of ours may catch it."""


class Deadly:
    """A client whose process dies before or after one of its calls, counted over all clients with the same clock."""

    def __init__(self, client: Any, calls: Iterator[int], at: int) -> None:
        self._client, self._calls, self._at = client, calls, at

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            for effect in (lambda: None, lambda: getattr(self._client, name)(**request)):
                answer = effect()
                if next(self._calls) == self._at:
                    raise Killed
            return answer

        return call


def test_a_process_killed_around_any_call_of_a_load_leaves_nothing_that_its_successor_cannot_finish(
    database: Database, api: FakeDataApi, s3: Any
) -> None:
    """Before and after every request to the Data API, every file staged and every file removed."""
    kills = 0
    for at in count():
        load, calls = everything(batch=at), count()
        try:
            opened(Deadly(api, calls, at), Deadly(s3, calls, at)).commit([load])  # type: ignore[arg-type]
        except Killed:
            kills += 1
            opened(api, s3).commit([load])
        done = at + 1
        assert database.rows(COUNTS) == [(2 * done, done, 2 * done, done, done)], f"killed at {at}"
        if kills < done:
            break
    assert kills > 20


def test_a_refused_file_names_row_column_and_reason(database: Database, api: FakeDataApi, s3: Any) -> None:
    broken = a_load([a_post()])
    posts = broken.tables["fact_post"]
    wrong = posts.set_column(posts.column_names.index("polarity"), "polarity", pa.array([7], pa.int32()))
    with pytest.raises(RowsRefused, match=r"fact_post/0\.parquet line 0, polarity double precision: incompatible"):
        opened(api, s3).commit([Load("load", 0, {"fact_post": wrong}, NOON)])
    assert database.rows(COUNTS) == [(0, 0, 0, 0, 0)]


def test_text_arrives_as_it_was_written_and_too_long_an_id_is_cut(
    database: Database, api: FakeDataApi, s3: Any
) -> None:
    text = 'a "quote", \0 NUL, 😀 مرحبا\nand a line'
    opened(api, s3).commit([a_load([a_post(text=text, user_id="é" * 300)])])
    assert database.rows("select text, user_id from dw.fact_post") == [(text.replace("\0", ""), "é" * 256)]


def test_staged_files_are_gone_after_the_commit(database: Database, api: FakeDataApi, s3: Any) -> None:
    opened(api, s3).commit([everything()])
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="loads/").get("KeyCount") == 0


def test_files_that_a_killed_load_left_are_replaced_by_its_repetition(
    database: Database, api: FakeDataApi, s3: Any
) -> None:
    load = everything()
    api.faults["statement:3"] = RuntimeError("killed")
    with pytest.raises(StreamingError):
        opened(api, s3).commit([load])
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="loads/")["KeyCount"] > 0
    opened(api, s3).commit([load])
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="loads/").get("KeyCount") == 0


def test_the_versions_of_a_user_meet_whatever_order_their_events_come_in(
    database: Database, api: FakeDataApi, s3: Any
) -> None:
    warehouse = opened(api, s3)
    for batch, minute in enumerate((2, 0, 1)):
        profile = a_profile(user_location=f"place {minute}", event_time=minutes(minute))
        warehouse.commit([a_load(profiles=[profile], batch=batch)])
    spans = "select user_location, valid_from = timestamp '1900-01-01', is_current, valid_to = lead(valid_from) over w"
    assert database.rows(f"{spans} from dw.dim_user window w as (order by valid_from) order by valid_from") == [
        ("place 0", True, False, True),
        ("place 1", False, False, True),
        ("place 2", False, True, None),
    ]


def test_ids_that_differ_by_trailing_blanks_only_stay_apart(database: Database, api: FakeDataApi, s3: Any) -> None:
    """Redshift takes such texts for equal; PostgreSQL and the lake do not."""
    ids = ("e", "e ", "e  ")
    profiles = [a_profile(event_id=f"p{each}", user_id=f"ann{each}") for each in ids]
    warehouse = opened(api, s3)
    for batch, few in enumerate((ids[:2], ids)):
        rows = [
            [a_post(event_id=each) for each in few],
            [a_comment(event_id=each) for each in few],
            [an_interaction(event_id=each) for each in few],
        ]
        warehouse.commit([a_load(*rows, profiles, batch=batch)])
    assert database.rows("select count(*) from dw.fact_post where event_id = 'e'") == [3]
    assert database.rows(COUNTS) == [(3, 3, 3, 3, 2)]
    assert database.rows("select count(*) from dw.dim_user where is_current and valid_from < '1901-01-01'") == [3]


def test_rows_that_gold_lost_go(database: Database, api: FakeDataApi, s3: Any) -> None:
    def engagement(batch: int, *rows: tuple[str, int, bool]) -> Load:
        names = ("action", "interactions", "deleted")
        columns = {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
        table = pa.table({"minute": pa.array([NOON] * len(rows), pa.timestamp("us", tz="UTC")), **columns})
        return Load("serve/engagement_by_minute/id", batch, {"engagement_by_minute": table}, NOON)

    warehouse = opened(api, s3)
    warehouse.commit([engagement(1, ("like", 1, False), ("share", 2, False))])
    warehouse.commit([engagement(2, ("like", 1, True), ("share", 5, False))])
    assert database.rows("select action, interactions from dw.engagement_by_minute") == [("share", 5)]


def test_migrations_run_once_and_survive_a_fault_in_the_middle(empty_database: Database, s3: Any) -> None:
    api = FakeDataApi(empty_database.connect, s3)
    prepared(empty_database.connect, empty_database.password)
    granted(api)
    names = [migration.name for migration in statements.migrations("redshift")]
    api.faults["statement:30"] = RuntimeError("connection lost")
    with pytest.raises(SinkUnavailable):
        opened(api, s3).migrate()
    [applied] = empty_database.rows("select count(*) from dw.schema_version")
    assert 0 < applied < len(names)
    assert opened(api, s3).migrate() == names[applied:]
    assert opened(api, s3).migrate() == []


def test_a_changed_migration_stops_the_hop_for_good(database: Database, api: FakeDataApi, s3: Any) -> None:
    database.run("update dw.schema_version set checksum = 'of another text' where version = 1")
    with pytest.raises(PermanentFailure, match=r"001_ledger\.sql has changed"):
        opened(api, s3).migrate()


def in_the_lake(s3: Any, *posts: dict[str, Any], name: str = "a.parquet", first: tuple[str, ...] = ()) -> DataFile:
    """A file of silver/posts as the job writes it; `first` names columns that stand before the others."""
    fields = [field for field in to_arrow_schema(catalog.APPENDED["silver/posts"]) if field.name not in PARTITIONS]
    schema = pa.schema(sorted(fields, key=lambda field: field.name not in first))
    rows = [{"arrival_time": NOON, "raw": "{}", "record_index": 0} | post for post in posts]
    content = BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, schema), content)
    s3.put_object(Bucket=BUCKET, Key=f"lake/silver/posts/{name}", Body=content.getvalue())
    return DataFile(name, len(posts), len(content.getvalue()))


def of_files(*files: DataFile, storage: Files) -> Load:
    rows = LakeFiles("silver/posts", f"s3a://{BUCKET}/lake/silver/posts", storage, files)
    return Load("load/posts/id", 7, {"fact_post": rows}, NOON)


@pytest.fixture
def storage(emulated_aws: aws.Aws, monkeypatch: pytest.MonkeyPatch) -> Files:
    for variable, value in aws.CREDENTIALS.items():
        monkeypatch.setenv(variable, value)
    return Files(Settings(lake="unused", checkpoints="unused", stream="events", aws_endpoint=emulated_aws.endpoint))


class Noting:
    """A client of S3 that notes the name of each object that it writes."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.written: list[str] = []

    def put_object(self, **request: Any) -> Any:
        self.written.append(request["Key"].rsplit("/", 1)[-1])
        return self._client.put_object(**request)

    def delete_objects(self, **request: Any) -> Any:
        return self._client.delete_objects(**request)


def test_files_of_the_lake_are_copied_from_where_they_are(
    database: Database, api: FakeDataApi, s3: Any, storage: Files
) -> None:
    """The driver writes a manifest and statements, and no row."""
    files = in_the_lake(s3, a_post(), a_post()), in_the_lake(s3, a_post(), name="b.parquet")
    noting = Noting(s3)
    assert opened(api, noting).commit([of_files(*files, storage=storage)]) == 1
    assert noting.written == ["manifest.json"]
    assert database.rows("select count(*) from dw.fact_post") == [3]
    ledger = "select query, batch_id, rows, first_arrival at time zone 'UTC' from dw.load_ledger"
    assert database.rows(ledger) == [("load/posts/id", 7, 3, NOON)]


@pytest.mark.parametrize("text", ["nul \0 byte", "x" * 70_000])
def test_rows_of_a_file_that_copy_refuses_are_rewritten_and_loaded(
    database: Database, api: FakeDataApi, s3: Any, storage: Files, text: str
) -> None:
    file = in_the_lake(s3, a_post(text=text), a_post())
    assert opened(api, s3).commit([of_files(file, storage=storage)]) == 1
    assert database.rows("select count(*) from dw.fact_post") == [2]
    assert database.rows("select count(*) from dw.load_ledger") == [1]


def test_files_whose_columns_stand_in_another_order_are_not_copied_by_place(
    database: Database, api: FakeDataApi, s3: Any, storage: Files
) -> None:
    file = in_the_lake(s3, a_post(text="one", user_id="ann"), first=("text", "user_id"))
    other = in_the_lake(s3, a_post(text="two", user_id="bob"), name="b.parquet")
    opened(api, s3).commit([of_files(file, other, storage=storage)])
    assert database.rows("select user_id, text from dw.fact_post order by text") == [("ann", "one"), ("bob", "two")]


def test_a_file_that_was_vacuumed_is_an_error_that_names_it(api: FakeDataApi, s3: Any, storage: Files) -> None:
    with pytest.raises(DataFilesGone, match=r"silver/posts: gone\.parquet was vacuumed"):
        opened(api, s3).commit([of_files(DataFile("gone.parquet", 1, 100), storage=storage)])


def test_a_job_that_lost_the_lake_loads_nothing_more(database: Database, api: FakeDataApi, s3: Any) -> None:
    old, new = opened(api, s3, token=7), opened(api, s3, token=8)
    assert old.commit([a_load([a_post()], batch=0)]) == 1
    assert new.commit([a_load([a_post()], batch=1)]) == 1
    with pytest.raises(LeaseLost, match="holds token 7 and found 8"):
        old.commit([a_load([a_post()], batch=2)])
    assert database.rows("select batch_id from dw.load_ledger order by batch_id") == [0, 1]
    assert database.rows("select lease, hop, token from dw.job_lease") == [("a-lake", "load", 8)]
    assert database.rows("select count(*) from dw.fact_post") == [2]


def test_a_load_that_fails_for_another_reason_is_not_taken_for_a_lost_lease(
    database: Database, api: FakeDataApi, s3: Any
) -> None:
    warehouse = opened(api, s3, token=7)
    api.faults["statement:3"] = RuntimeError("disk full")
    with pytest.raises(SinkUnavailable, match="disk full"):
        warehouse.commit([a_load([a_post()], batch=0)])
    assert warehouse.commit([a_load([a_post()], batch=0)]) == 1


def test_a_load_that_is_tried_out_leaves_nothing_behind(database: Database, api: FakeDataApi, s3: Any) -> None:
    opened(api, s3).try_out(a_load([a_post()]))
    assert database.rows(COUNTS) == [(0, 0, 0, 0, 0)]
    with pytest.raises(RowsRefused):
        opened(api, s3).try_out(a_load([a_post(event_id=None)]))
    api.faults["statement:3"] = OSError("the cluster restarts")
    with pytest.raises(SinkUnavailable):
        opened(api, s3).try_out(a_load([a_post()]))


def test_a_refused_row_is_left_out_after_three_failures_and_the_others_arrive(
    database: Database, api: FakeDataApi, s3: Any, tmp_path: Path
) -> None:
    database.run("alter table dw.fact_post add constraint refuses check (text <> 'bad')")
    load = a_load([a_post(text="fine"), a_post(text="bad", event_id="b"), a_post(text="fine")])
    for _ in range(2):
        with pytest.raises(RowsRefused):
            LeavesOut(settings_of(tmp_path), opened(api, s3), "load", identity).commit([load])
    LeavesOut(settings_of(tmp_path), opened(api, s3), "load", identity).commit([load])
    assert database.rows(COUNTS) == [(2, 0, 0, 0, 1)]
    assert [row["event_id"] for row in rows_of(tmp_path, "silver/quarantined")] == ["b"]

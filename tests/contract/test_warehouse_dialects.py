"""PostgreSQL and Redshift hold the same tables and take the same loads; each dialect's grammar accepts its files."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

import pytest
from pyspark.sql.pandas.types import to_arrow_schema
from sqlfluff.core import FluffConfig, Linter

from docs.generate import data_dictionary
from streaming.tables import catalog
from streaming.warehouse import statements
from streaming.warehouse.facts import TARGETS
from streaming.warehouse.redshift.script import ledger_statement
from streaming.warehouse.serving import GOLD
from tests.warehouse_rows import a_load, a_post

SQL = Path(__file__).parents[2] / "sql"
LOADED = [*TARGETS, *(table.name.removeprefix("gold/") for table in GOLD)]
CREATED = re.compile(r"create table(?: if not exists)? dw\.(\w+) \((.*?)\n\)", re.DOTALL)
PARAMETERS = {"postgres": "pyformat", "redshift": "colon"}
# What the dialects call the same thing.
LEDGER = {"ledger.sql", "ledger_of_stage.sql"}
TEMPLATES = {
    "gold_upsert.sql",
    "relabel_fact.sql",
    "retract_fact.sql",
    *LEDGER,
    *(f"redshift/load/{target}.sql" for target in TARGETS),
}
SAME_TYPE = {"text": "varchar", "timestamptz": "timestamp"}


def tables(dialect: str) -> dict[str, list[tuple[str, str]]]:
    """Table -> its columns in order with their types, without lengths."""
    found = {}
    for migration in statements.migrations(dialect):
        for name, body in CREATED.findall(migration.sql):
            lines = [line.strip() for line in body.strip().splitlines() if not line.strip().startswith("primary key")]
            columns = (re.match(r"(\w+) (\w+)", line) for line in lines)
            found[name] = [(c[1], SAME_TYPE.get(c[2], c[2])) for c in columns if c]
        for name, added in statements.added_columns(migration.sql).items():
            kinds = {column: re.match(r"\w+", kind) for column, kind in added.items()}
            found[name] += [(column, SAME_TYPE.get(kind[0], kind[0])) for column, kind in kinds.items() if kind]
    return found


def test_both_dialects_have_the_same_tables_with_the_same_columns() -> None:
    assert tables("postgres") == tables("redshift")


def test_every_column_has_a_comment_in_both_dialects() -> None:
    for dialect in PARAMETERS:
        text = "".join(migration.sql for migration in statements.migrations(dialect))
        missing = [
            f"{dialect}: {table}.{column}"
            for table, columns in tables(dialect).items()
            for column, _ in columns
            if f"comment on column dw.{table}.{column} is" not in text
        ]
        assert missing == []


@pytest.mark.parametrize("target", LOADED)
def test_both_dialects_stage_the_same_columns(target: str) -> None:
    assert statements.staged_columns("redshift", target) == statements.staged_columns("postgres", target)


@pytest.mark.parametrize("target", LOADED)
def test_a_script_copies_the_columns_that_it_stages_and_postgresql_names_them(target: str) -> None:
    _, copy, *_ = statements.load_statements("postgres", target)
    named = re.match(r"copy \w+ \((.*?)\)", copy, re.DOTALL)
    assert named
    assert tuple(name.strip() for name in named[1].split(",")) == statements.staged_columns("postgres", target)


def grammar(dialect: str) -> Linter:
    """sqlfluff's parser of a dialect; its parse errors name line and reason."""
    placeholders = {"placeholder": {"param_style": PARAMETERS[dialect]}} if dialect in PARAMETERS else {}
    core = {"dialect": dialect, "templater": "placeholder" if placeholders else "raw"}
    return Linter(config=FluffConfig(configs={"core": core, "templater": placeholders}))


# The questions in sql/warehouse are written in what Redshift and PostgreSQL have in common.
FOLDERS = {"athena": ["athena"], "postgres": ["postgres", "warehouse"], "redshift": ["redshift", "warehouse"]}


@pytest.mark.parametrize("dialect", sorted(FOLDERS))
def test_every_file_is_accepted_by_the_grammar_of_its_dialect(dialect: str) -> None:
    parser = grammar(dialect)
    paths = [path for folder in FOLDERS[dialect] for path in sorted((SQL / folder).rglob("*.sql"))]
    # Only their filled forms are SQL; the next tests parse those.
    paths = [path for path in paths if TEMPLATES.isdisjoint({path.name, path.relative_to(SQL).as_posix()})]
    complaints = [
        f"{path.relative_to(SQL)}:{found.line_no}: {found.desc()}"
        for path in paths
        for found in parser.parse_string(path.read_text()).violations
    ]
    assert complaints == []


@pytest.mark.parametrize("target", sorted(statements.GOLD))
@pytest.mark.parametrize("dialect", sorted(PARAMETERS))
def test_the_filled_upsert_of_every_gold_table_is_accepted_by_its_dialect(dialect: str, target: str) -> None:
    filled = Template(statements.gold_upsert(dialect, target)).safe_substitute(manifest="s3://b/m.json", role="arn:r")
    assert "${" not in filled
    assert f"insert into dw.{target} (" in filled
    assert [found.desc() for found in grammar(dialect).parse_string(filled).violations] == []


@pytest.mark.parametrize("entity", ["post", "comment", "interaction"])
@pytest.mark.parametrize("change", ["relabel", "retract"])
@pytest.mark.parametrize("dialect", sorted(PARAMETERS))
def test_the_filled_change_of_facts_is_accepted_by_its_dialect(dialect: str, change: str, entity: str) -> None:
    script = ";\n".join(statements.fact_script(dialect, change, entity))
    filled = Template(script).safe_substitute(manifest="s3://b/m.json", role="arn:r", batch_id=7)
    assert "${" not in filled
    assert f"dw.fact_{entity}" in filled
    assert [found.desc() for found in grammar(dialect).parse_string(f"{filled};\n").violations] == []


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_script_of_a_fact_is_accepted_for_the_columns_of_silver_s_files(target: str) -> None:
    silver = to_arrow_schema(catalog.APPENDED[TARGETS[target]])
    types = statements.copied_types("redshift", target, silver)
    assert statements.staged_types("redshift", target).items() <= types.items(), "silver has what the script needs"
    filled = Template(statements.read("redshift", f"load/{target}.sql")).substitute(
        types=",\n".join(f'"{name}" {kind}' for name, kind in types.items()),
        manifest="s3://b/m.json",
        role="arn:r",
        query="load/posts/id",
        batch_id=7,
    )
    assert [found.desc() for found in grammar("redshift").parse_string(filled).violations] == []


def test_the_filled_ledger_statement_is_accepted_by_redshift_s_grammar() -> None:
    filled = ledger_statement([a_load([a_post()]), a_load(batch=1)])
    assert "${" not in filled
    assert [found.desc() for found in grammar("redshift").parse_string(f"{filled};").violations] == []


@pytest.mark.parametrize("name", ["hour; drop table dw.fact_post", 'a"b', "Hour", "", "1st"])
def test_a_name_that_would_need_quotes_never_gets_into_a_statement(name: str) -> None:
    with pytest.raises(ValueError, match="expected lower-case letters"):
        statements.identifier(name)


def test_no_folder_of_statements_goes_unchecked() -> None:
    # The files of `dbt` are no statements: tests/integration/test_metric_definitions.py reads them.
    checked = {folder for folders in FOLDERS.values() for folder in folders} | {"dbt"}
    assert {path.name for path in SQL.iterdir()} == checked


def test_the_grammar_does_complain_about_what_is_wrong() -> None:
    assert grammar("redshift").parse_string("select from where distkey;").violations


def test_the_data_dictionary_says_what_the_migrations_say() -> None:
    page = SQL.parent / "docs" / "data-dictionary.md"
    assert page.read_text() == data_dictionary.page(), "run: make reference"

"""Athena's statements by the real grammar of its engine: Trino's own parser, in a JVM that Spark does not share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pyspark
import pytest
from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway
from py4j.protocol import Py4JJavaError

from deploy.local import jars

SQL = Path(__file__).parents[2] / "sql" / "athena"
FILES = sorted(SQL.rglob("*.sql"))


@pytest.fixture(scope="module")
def kind() -> Iterator[Callable[[str], str]]:
    """Says what kind of statement a text is; raises what Trino has against it."""
    own = next((Path(pyspark.__file__).parent / "jars").glob("py4j-*.jar"))
    path = os.pathsep.join(map(str, jars.trino(os.environ)))
    java = str(jars.java_home() / "bin" / "java")
    port = launch_gateway(classpath=path, jarpath=str(own), java_path=java, die_on_exit=True)
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port))
    parser = gateway.jvm.io.trino.sql.parser.SqlParser()
    yield lambda text: str(parser.createStatement(text).getClass().getSimpleName())
    gateway.shutdown()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_trino_parses_the_file_as_one_statement_of_its_kind(kind: Callable[[str], str], path: Path) -> None:
    text = path.read_text().strip()
    assert text.endswith(";")
    assert kind(text[:-1]) == {"views": "CreateView", "questions": "Query"}[path.parent.name]


@pytest.mark.parametrize("wrong", ["select from where", "select a::double from b", "select 1; select 2"])
def test_trino_does_complain_about_what_is_wrong(kind: Callable[[str], str], wrong: str) -> None:
    with pytest.raises(Py4JJavaError, match="ParsingException"):
        kind(wrong)

"""Pages that lead through the code name files and functions that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The reference is written from the code, and decisions speak of the time when they were made.
PAGES = (
    *("README.md", "CONTRIBUTING.md", "docs/decisions/023-the-layout.md"),
    *sorted(str(page.relative_to(ROOT)) for folder in ("docs", "docs/deploy") for page in ROOT.glob(f"{folder}/*.md")),
)
FOLDERS = ("streaming", "generator", "model", "connectors", "harness", "deploy", "sql", "docs", "tests", "requirements")
# A path, alone in back ticks or followed by the name of a function, a class or a method.
PLACE = re.compile(rf"`((?:{'|'.join(FOLDERS)})(?:/[\w.-]+)+/?)(?:::([\w.]+))?`")


def places(page: str) -> list[tuple[str, str]]:
    """(path, name or empty) of every place that the page names; `sql/DIALECT/...` is a pattern and no place."""
    found = PLACE.findall((ROOT / page).read_text())
    return [(path, name) for path, name in found if not any(part.isupper() for part in path.split("/"))]


def defined(path: Path) -> set[str]:
    """Functions, classes and, as Class.method, methods of a module."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    assert [path for path, _ in places(page) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_function_that_a_page_names_is_defined_where_it_says(page: str) -> None:
    named = [(path, name) for path, name in places(page) if name]
    assert [(path, name) for path, name in named if name not in defined(ROOT / path)] == []


def test_the_walks_of_the_architecture_name_functions() -> None:
    assert len({name for _, name in places("docs/architecture.md") if name}) > 20


def test_the_page_of_decisions_lists_every_decision() -> None:
    page = (ROOT / "docs/decisions/README.md").read_text()
    assert [
        path.name for path in sorted((ROOT / "docs/decisions").glob("0*.md")) if f"]({path.name})" not in page
    ] == []

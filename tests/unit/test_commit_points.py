"""The places where chaos tests end the job are real ones, and cost nothing otherwise."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from streaming import commit_points

STREAMING = Path(commit_points.__file__).parent


@pytest.fixture(autouse=True)
def no_observer_afterwards() -> Iterator[None]:
    yield
    commit_points.observe(None)


def reached_in(module: Path) -> list[str]:
    calls = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)]
    reached = [call for call in calls if ast.unparse(call.func) == "commit_points.reached"]
    return [str(ast.literal_eval(call.args[0])) for call in reached]


def test_the_code_reaches_each_point_at_one_place_and_no_other_points() -> None:
    reached = [point for module in STREAMING.rglob("*.py") for point in reached_in(module)]
    assert sorted(reached) == sorted(commit_points.POINTS)


def test_an_observer_learns_of_each_point_until_it_is_removed() -> None:
    seen: list[str] = []
    commit_points.reached("load.committed")
    commit_points.observe(seen.append)
    commit_points.reached("refine.computed")
    commit_points.reached("refine.written")
    commit_points.observe(None)
    commit_points.reached("load.committed")
    assert seen == ["refine.computed", "refine.written"]

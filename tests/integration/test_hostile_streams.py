"""Hostile records through parser, silver, gold and both warehouses: a minute of `moodstream chaos --hostile`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from harness.chaos.hostile.records import START, Arrived
from harness.chaos.hostile.search import Examination, search
from harness.chaos.hostile.warehouses import Server
from tests.builders import a_record
from tests.integration.conftest import Database

STREAMS = 4
ALIKE = ("e", "e ", "E", "\u00e9", "e\u0301")


@pytest.fixture(scope="module")
def examination(
    server: Database, lake_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Examination]:
    databases = Server(server.url, server.password)
    try:
        yield Examination(databases, lake_template, tmp_path_factory.mktemp("hostile"))
    finally:
        databases.close()


def a_stream(*records: bytes) -> list[Arrived]:
    return [Arrived(data, START + timedelta(seconds=number), "u1") for number, data in enumerate(records)]


def test_all_layers_agree_about_made_up_streams(examination: Examination) -> None:
    found = search(examination, seed=1, examples=STREAMS)
    assert found is None, f"{found.error}\n{found.stream}"


REGRESSIONS = {
    "ids that differ by trailing blanks, case or normalisation": [
        *(a_record(event_id=each) for each in ("e", "e ", "E", "\u00e9", "e\u0301")),
        *(
            a_record("user", {"user_id": each}, event_id=f"of {each}|")
            for each in ("u", "u ", "U", "\u00e9", "e\u0301")
        ),
    ],
}


@pytest.mark.parametrize("case", REGRESSIONS)
def test_all_layers_agree_about(case: str, examination: Examination) -> None:
    examination(a_stream(*REGRESSIONS[case]))

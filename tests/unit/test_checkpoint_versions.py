"""Checkpoints and the version of the hop that wrote them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from streaming.checkpoints import versions
from streaming.errors import CheckpointVersionError
from streaming.settings import Settings


def test_a_checkpoint_of_the_same_version_is_taken_up_again(tmp_path: Path) -> None:
    settings = Settings(lake=str(tmp_path), checkpoints=str(tmp_path), stream="events")
    versions.check(settings, "refine")
    versions.check(settings, "refine")


def test_a_checkpoint_of_another_version_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(lake=str(tmp_path), checkpoints=str(tmp_path), stream="events")
    versions.check(settings, "serve")
    monkeypatch.setattr(versions, "VERSIONS", {"serve": 2})
    with pytest.raises(CheckpointVersionError, match=r"version 1 of this hop, this is version 2: move the folder away"):
        versions.check(settings, "serve")


def test_a_checkpoint_of_the_other_connector_is_refused(tmp_path: Path) -> None:
    settings = Settings(lake=str(tmp_path), checkpoints=str(tmp_path), stream="events")
    versions.check(settings, "ingest")
    versions.check(settings, "refine")
    changed = replace(settings, kinesis_connector="aws")
    with pytest.raises(
        CheckpointVersionError, match="with --kinesis-connector qubole, this is aws: start with that one"
    ):
        versions.check(changed, "ingest")
    versions.check(changed, "refine")


def test_a_checkpoint_that_names_no_connector_is_taken_up(tmp_path: Path) -> None:
    (tmp_path / "ingest.version.json").write_text('{"version": 1}')
    versions.check(Settings(lake=str(tmp_path), checkpoints=str(tmp_path), stream="events"), "ingest")


def test_every_hop_has_a_version_and_an_advice() -> None:
    from streaming.settings import HOPS

    assert set(versions.VERSIONS) == set(versions.WHAT_TO_DO) == set(HOPS)

"""Versions of a real registry: loaded by number, described for a receipt."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from mlflow.tracking.request_header import registry as headers

from streaming.errors import ModelUnusable, OperationFailed, SettingsError
from streaming.scoring import registry as models
from streaming.settings import Settings
from tests.cheerful_model import registered


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A registry with one version, and no champion."""
    uri = registered(tmp_path_factory.mktemp("registry"))
    return Settings(lake="", checkpoints="", stream="", mlflow_uri=uri)


def test_a_version_scores_texts(settings: Settings) -> None:
    predict = models.load(settings, "1").predict
    assert list(predict(["a", "b"])["sentiment"]) == ["positive", "positive"]
    with pytest.raises(ModelUnusable, match="version 1: broken"):
        predict(["break"])


def test_a_version_that_is_not_registered_is_named(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="has no version '9'"):
        models.load(settings, "9")


def test_without_a_champion_nothing_can_be_scored_by_it(settings: Settings) -> None:
    with pytest.raises(OperationFailed, match="no champion"):
        models.champion(settings)


def test_a_receipt_tells_what_each_version_was_trained_on(settings: Settings) -> None:
    versions = models.versions(settings)
    assert versions is not None
    (version,) = versions
    assert (version["version"], version["trained_on"]) == ("1", {"feedback_rows": "3"})


def test_without_a_registry_no_version_is_listed(tmp_path: Path) -> None:
    assert models.versions(Settings(lake="", checkpoints="", stream="")) is None


def test_a_server_of_one_s_own_is_asked_without_a_warning_at_each_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Plugin:
        """What sagemaker-mlflow does with an address that is no ARN."""

        def in_context(self) -> bool:
            return True

        def request_headers(self) -> dict[str, str]:
            raise IndexError("list index out of range")

    monkeypatch.setattr(headers._request_header_provider_registry, "_registry", [Plugin()])
    monkeypatch.setattr(logging.getLogger("mlflow"), "propagate", True)
    addressed = Settings(lake="", checkpoints="", stream="", mlflow_uri="http://127.0.0.1:1")
    assert models.open_registry(addressed).mlflow.get_tracking_uri() == addressed.mlflow_uri

    headers.resolve_request_headers()
    assert caplog.messages == []

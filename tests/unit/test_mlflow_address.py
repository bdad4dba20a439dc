"""Addresses of a registry: what no request can reach is refused at the start, with the address that can be reached."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from streaming import mlflow_address
from streaming.errors import SettingsError
from streaming.settings import from_command_line

APP = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/app-ABC123"


@pytest.fixture
def with_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the archives, which have the package sagemaker-mlflow."""
    there: Any = object()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: there)


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "http://127.0.0.1:5000",
        "https://mlflow.example.com",
        "https://sagemaker.aws.example.com/mlflow",
        "sqlite:////tmp/mlflow.db",
        APP,
        "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/moods",
        "arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:mlflow-tracking-server/moods",
    ],
)
@pytest.mark.usefixtures("with_plugin")
def test_own_servers_and_the_arns_of_sagemaker_are_accepted(uri: str | None) -> None:
    mlflow_address.check(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://mlflow.sagemaker.eu-west-1.app.aws",
        "https://app-abc.mlflow.sagemaker.eu-west-1.app.aws/auth?token=1",
        "https://eu-west-1.experiments.sagemaker.aws",
    ],
)
def test_the_web_address_of_a_sagemaker_mlflow_is_refused_for_nobody_would_sign_its_requests(uri: str) -> None:
    with pytest.raises(SettingsError, match="takes signed requests only; expected its ARN"):
        mlflow_address.check(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "arn:aws:sagemaker:eu-west-1:123456789012:domain/d-1",
        "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app",
        "arn:aws-cn:sagemaker:cn-north-1:123456789012:mlflow-app/app-1",
        "arn:aws:s3:::bucket",
    ],
)
@pytest.mark.usefixtures("with_plugin")
def test_an_arn_of_another_kind_is_refused(uri: str) -> None:
    with pytest.raises(SettingsError, match="expected the ARN of an MLflow App or tracking server"):
        mlflow_address.check(uri)


def test_an_arn_is_refused_where_nothing_can_sign_the_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"sagemaker-mlflow, which signs the requests, is not installed"):
        mlflow_address.check(APP)


def test_the_job_checks_its_registry_s_address_before_anything_else() -> None:
    needed = ["--lake", "/lake", "--stream", "events"]
    with pytest.raises(SettingsError, match="--mlflow-uri"):
        from_command_line([*needed, "--mlflow-uri", "https://mlflow.sagemaker.eu-west-1.app.aws"], {})

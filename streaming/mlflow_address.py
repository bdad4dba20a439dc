"""Which addresses of a model registry can work: a SageMaker MLflow is named by its ARN, never by its web address.

SageMaker's servers take signed requests only. The package sagemaker-mlflow signs them, and finds host, region, service
and the header that names the server in the ARN alone. To an https:// address MLflow sends requests without a
signature, which is right for any other server.
"""

from __future__ import annotations

import importlib.util
import re
from urllib.parse import urlsplit

from streaming.errors import SettingsError

# What the package reaches; it knows no endpoints in other partitions.
ARN = re.compile(r"arn:aws(-us-gov)?:sagemaker:[a-z0-9-]+:\d{12}:mlflow-(app|tracking-server)/[\w-]+")
OF_SAGEMAKER = re.compile(r"(.+\.)?sagemaker(\.[a-z0-9-]+\.app)?\.aws")
PLUGIN = "sagemaker_mlflow"


def check(uri: str | None) -> None:
    """Raise SettingsError for an address to which no request can succeed."""
    if uri is None:
        return
    if OF_SAGEMAKER.fullmatch(urlsplit(uri).hostname or ""):
        raise SettingsError(
            f"--mlflow-uri: received '{uri}', the web address of a SageMaker MLflow, which takes signed requests only; "
            "expected its ARN (arn:aws:sagemaker:REGION:ACCOUNT:mlflow-app/ID or .../mlflow-tracking-server/NAME)"
        )
    if not uri.startswith("arn:"):
        return
    if not ARN.fullmatch(uri):
        raise SettingsError(
            f"--mlflow-uri: received '{uri}', expected the ARN of an MLflow App or tracking server "
            "(arn:aws:sagemaker:REGION:ACCOUNT:mlflow-app/ID or .../mlflow-tracking-server/NAME)"
        )
    if importlib.util.find_spec(PLUGIN) is None:
        raise SettingsError(
            f"--mlflow-uri: received the ARN '{uri}', but the package sagemaker-mlflow, which signs the requests, "
            "is not installed; it is in the archives of `make package`"
        )

"""Clients of AWS, or of a stand-in for it on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from connectors.errors import StreamUnusable

if TYPE_CHECKING:
    from collections.abc import Mapping

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_ROLE_ARN")
LOOPBACK = ("127.", "localhost", "[::1]")


def client(service: str, environ: Mapping[str, str], endpoint: str | None = None, region: str | None = None) -> Any:
    """A client of `service`; at a loopback endpoint it needs no credentials. Raises StreamUnusable.

    For Kinesis retrying is left to the sink, which alone knows which records failed.
    """
    endpoint = endpoint or environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environ.get("AWS_ENDPOINT_URL")
    region = region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    here = (endpoint or "").split("://")[-1].startswith(LOOPBACK)
    secret = "local" if here and not any(environ.get(name) for name in CREDENTIALS) else None
    try:
        return boto3.session.Session(secret, secret).client(
            service,  # type: ignore[call-overload]
            endpoint_url=endpoint,
            region_name=region or ("us-east-1" if endpoint else None),
            config=Config(
                retries={"total_max_attempts": 1 if service == "kinesis" else 5},
                connect_timeout=5,
                read_timeout=30,
                parameter_validation=False,  # a third of a put's time
                s3={"addressing_style": "path"} if here else None,
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise StreamUnusable(f"cannot open {service}: {' '.join(str(error).split())}") from error

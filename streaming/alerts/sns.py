"""Amazon SNS as a sink for alerts.

Guarantee: at least once. A process that dies after the call and before it is noted sends the message again.
"""

from __future__ import annotations

from typing import Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from streaming.errors import SinkUnavailable
from streaming.settings import Settings

# SNS refuses longer subjects and anything but printable ASCII in them.
SUBJECT_LENGTH = 100
TIMEOUTS = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})


class Alerts(Protocol):
    """Where alerts go."""

    def publish(self, subject: str, text: str) -> None:
        """Send one message; raises SinkUnavailable where trying again later is right."""
        ...


class Topic:
    """One SNS topic. Without permission or network it raises SinkUnavailable."""

    def __init__(self, settings: Settings, arn: str) -> None:
        self._arn = arn
        self._sns = boto3.client(
            "sns", region_name=settings.region, endpoint_url=settings.aws_endpoint, config=TIMEOUTS
        )

    def publish(self, subject: str, text: str) -> None:
        """Send one message."""
        printable = "".join(letter if " " <= letter <= "~" else "?" for letter in subject)
        try:
            self._sns.publish(TopicArn=self._arn, Subject=printable[:SUBJECT_LENGTH], Message=text)
        except (BotoCoreError, ClientError) as error:
            raise SinkUnavailable(f"SNS topic {self._arn}: {error}") from error

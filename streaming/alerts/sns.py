"""Amazon SNS as a sink for alerts.

Guarantee: at least once. A process that ends after the call and before it has noted the alert sends it again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from streaming.errors import SinkUnavailable
from streaming.settings import Settings

# SNS refuses longer subjects, and characters other than printable ASCII in them.
SUBJECT_LENGTH = 100
TIMEOUTS = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
# Protocols whose subscribers are programs; these get the JSON form.
PROGRAMS = ("sqs", "lambda", "http", "https", "firehose")


@dataclass(frozen=True)
class Message:
    """An alert's text, and its forms for SMS and for programs (JSON). Where a form is empty, the text is sent."""

    text: str
    sms: str = ""
    data: str = ""


class Alerts(Protocol):
    """A place to which alerts are sent."""

    def publish(self, subject: str, message: Message) -> None:
        """Send one message; raises SinkUnavailable if a later try may succeed."""
        ...


class Topic:
    """One SNS topic. Without permission or network it raises SinkUnavailable."""

    def __init__(self, settings: Settings, arn: str) -> None:
        self._arn = arn
        self._sns = boto3.client(
            "sns", region_name=settings.region, endpoint_url=settings.aws_endpoint, config=TIMEOUTS
        )

    def publish(self, subject: str, message: Message) -> None:
        """Send one message, to each kind of subscriber in its own form."""
        printable = "".join(letter if " " <= letter <= "~" else "?" for letter in subject)[:SUBJECT_LENGTH]
        try:
            if message.data:
                body = json.dumps(by_protocol(message))
                self._sns.publish(TopicArn=self._arn, Subject=printable, Message=body, MessageStructure="json")
            else:
                self._sns.publish(TopicArn=self._arn, Subject=printable, Message=message.text)
        except (BotoCoreError, ClientError) as error:
            raise SinkUnavailable(f"SNS topic {self._arn}: {error}") from error


def by_protocol(message: Message) -> dict[str, str]:
    """The forms of a message by SNS protocol; `default` is for all others."""
    programs = dict.fromkeys(PROGRAMS, message.data or message.text)
    return {"default": message.text, "email": message.text, "sms": message.sms or message.text, **programs}

"""What can go wrong in a connector, as one tree. `exit_code`: how a command ends that raises the error.

ConnectorError              1
+-- UsageError              2  wrong use: an option, a file, a mapping
+-- CredentialsMissing      2  the source needs credentials that the environment does not hold
+-- SourceRefused           2  the source does not accept the request or the credentials
|   +-- SourceUnreachable   2  the source does not answer
+-- StreamUnusable          2  the stream does not exist, or access to it is refused
|   +-- StreamUnreachable   2  Kinesis does not answer
+-- PutFailed               1  events could not be delivered although retried
+-- CursorError             2  the cursor cannot be read or written
"""


class ConnectorError(Exception):
    """Anything that this package raises on purpose."""

    exit_code = 1


class UsageError(ConnectorError):
    """Wrong use; the message says what was received and what was expected."""

    exit_code = 2


class CredentialsMissing(ConnectorError):
    """The source needs credentials; the message names the environment variables."""

    exit_code = 2


class SourceRefused(ConnectorError):
    """The source does not accept the request: a wrong address, or credentials that it does not know."""

    exit_code = 2


class SourceUnreachable(SourceRefused):
    """The source does not answer at this address."""

    exit_code = 2


class StreamUnusable(ConnectorError):
    """The stream does not exist, or these credentials may not write to it."""

    exit_code = 2


class StreamUnreachable(StreamUnusable):
    """Kinesis does not answer at this endpoint."""

    exit_code = 2


class PutFailed(ConnectorError):
    """Events could not be delivered within the time that retries are given."""


class CursorError(ConnectorError):
    """The cursor cannot be read or written, or belongs to another source."""

    exit_code = 2

"""What can go wrong in the generator, as one tree. `exit_code`: how a command ends that raises the error.

GeneratorError              1
+-- UsageError              2  wrong use: an option, a scenario or an input file
+-- StreamUnusable          2  the stream does not exist, or access to it is refused
|   +-- StreamUnreachable   4  Kinesis does not answer
+-- PutFailed               1  records could not be delivered although retried
+-- LedgerError             2  the ledger cannot be written or read
"""


class GeneratorError(Exception):
    """Anything that this package raises on purpose."""

    exit_code = 1


class UsageError(GeneratorError):
    """Wrong use; the message says what was received and what was expected."""

    exit_code = 2


class StreamUnusable(GeneratorError):
    """The stream does not exist, or these credentials may not write to it."""

    exit_code = 2


class StreamUnreachable(StreamUnusable):
    """Kinesis does not answer at this endpoint."""

    exit_code = 2


class PutFailed(GeneratorError):
    """Records could not be delivered within the time that retries are given."""


class LedgerError(GeneratorError):
    """The ledger cannot be written, or holds something that is not a ledger line."""

    exit_code = 2

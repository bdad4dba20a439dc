"""What can go wrong in the generator, as one tree; each class has one exit code, in `cli.main`.

GeneratorError
+-- UsageError        wrong use: an option, a scenario or an input file (exit code 2)
+-- StreamUnusable    the stream does not exist, or access to it is refused (exit code 2)
+-- PutFailed         records could not be delivered although retried (exit code 1)
+-- LedgerError       the ledger cannot be written or read (exit code 2)
"""


class GeneratorError(Exception):
    """Anything that this package raises on purpose."""


class UsageError(GeneratorError):
    """Wrong use; the message says what was received and what was expected."""


class StreamUnusable(GeneratorError):
    """The stream does not exist, or these credentials may not write to it."""


class PutFailed(GeneratorError):
    """Records could not be delivered within the time that retries are given."""


class LedgerError(GeneratorError):
    """The ledger cannot be written, or holds something that is not a ledger line."""

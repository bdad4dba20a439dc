"""The errors of the embedded stack and of the harness, as one tree, each with the exit code of its command.

LocalError                  1
+-- UsageError              2  wrong use: an option, a file, a folder or a port
|   +-- WorkdirBusyError    2  another demo runs in the same working directory
|   +-- NothingToAuditError 2  the working directory holds nothing to audit yet
+-- JarsError               1  the jars could not be fetched, or do not have the locked hash
+-- ServiceError            1  a service of the stack did not start or did not answer in time
"""


class LocalError(Exception):
    """Anything that this package raises on purpose; the message is one line for a person."""

    exit_code = 1


class UsageError(LocalError):
    """The command was used wrongly; the message says what was received and what is expected."""

    exit_code = 2


class WorkdirBusyError(UsageError):
    """Another demo holds this working directory."""


class NothingToAuditError(UsageError):
    """The working directory holds nothing that could be reconciled."""


class JarsError(LocalError):
    """The jars could not be fetched, or differ from the locked ones."""


class ServiceError(LocalError):
    """A service did not start or did not answer in time; the message names its log."""

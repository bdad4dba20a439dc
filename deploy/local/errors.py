"""What can go wrong in the embedded stack, as one tree.

LocalError
+-- UsageError              wrong use: an option, a file, a folder or a port (exit code 2)
|   +-- WorkdirBusyError    another demo runs in the same working directory
|   +-- NothingToAuditError the working directory holds nothing to reconcile yet
+-- JarsError               the jars could not be fetched, or are not what was locked
+-- ServiceError            a service of the stack did not start or did not answer in time
"""


class LocalError(Exception):
    """Anything that this package raises on purpose; the message is one line for a person."""


class UsageError(LocalError):
    """The command was used wrongly; the message says what was received and what is expected."""


class WorkdirBusyError(UsageError):
    """Another demo holds this working directory."""


class NothingToAuditError(UsageError):
    """The working directory holds nothing that could be reconciled."""


class JarsError(LocalError):
    """The jars could not be fetched, or differ from the locked ones."""


class ServiceError(LocalError):
    """A service did not start or did not answer in time; the message names its log."""

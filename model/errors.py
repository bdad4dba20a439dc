"""What can go wrong in the model package, as one tree.

ModelError
+-- UsageError           wrong use: an option or an argument (exit code 2)
|   +-- DataError        a labelled file that cannot be read as one (exit code 2)
|   +-- NoModel          nothing is registered under the name or alias (exit code 2)
+-- DataUnavailable      the labelled data are not installed and cannot be fetched (exit code 2)
+-- RegistryUnavailable  the model registry does not answer (exit code 2)
+-- GateClosed           a version may not be promoted; the message says which gate (exit code 1)
"""


class ModelError(Exception):
    """Anything that this package raises on purpose; the message is one line for a person."""


class UsageError(ModelError):
    """The command was used wrongly; the message says what was received and what is expected."""


class DataError(UsageError):
    """A labelled file is malformed; the message names the file, the line and what was expected."""


class NoModel(UsageError):
    """No model is registered under the asked name, version or alias."""


class DataUnavailable(ModelError):
    """The labelled data are not there; the message says how to get them."""


class RegistryUnavailable(ModelError):
    """The registry does not answer."""


class GateClosed(ModelError):
    """A candidate failed a gate of promotion."""

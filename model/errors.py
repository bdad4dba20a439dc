"""The errors of the model package, as one tree. `exit_code`: the code that a command ends with if it raises the error.

ModelError                  1
+-- UsageError              2  wrong use: an option or an argument
|   +-- DataError           2  a labelled file that cannot be read as one
|   +-- NoModel             2  nothing is registered under the name or alias
+-- DataUnavailable         2  the labelled data are not installed and cannot be fetched
+-- RegistryUnavailable     2  the model registry does not answer
+-- GateClosed              1  a version may not be promoted; the message says which gate
"""


class ModelError(Exception):
    """Base of all errors that this package raises; the message is one line for the user."""

    exit_code = 1


class UsageError(ModelError):
    """The command was used wrongly; the message says what was received and what is expected."""

    exit_code = 2


class DataError(UsageError):
    """A labelled file is malformed; the message names the file, the line and what was expected."""


class NoModel(UsageError):
    """No model is registered under the asked name, version or alias."""


class DataUnavailable(ModelError):
    """The labelled data are not installed; the message says how to install them."""

    exit_code = 2


class RegistryUnavailable(ModelError):
    """The registry does not answer."""

    exit_code = 2


class GateClosed(ModelError):
    """A version failed a gate of promotion; the message gives each reason."""

"""What can go wrong in a task.

WorkflowError
+-- SettingsError    the environment's options do not fit together
+-- CommandFailed    one of the project's commands ended with an error
+-- DataUnfit        the lake's data must not be trained on
"""


class WorkflowError(Exception):
    """Anything that a task raises on purpose."""


class SettingsError(WorkflowError):
    """An option is missing or malformed; the message names it."""


class CommandFailed(WorkflowError):
    """A command ended with an exit code other than 0 (None: unknown); `words`: the last line that it wrote."""

    def __init__(self, message: str, *, exit_code: int | None = None, words: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.words = words


class DataUnfit(WorkflowError):
    """A quality limit is exceeded: repair the data before training on it."""

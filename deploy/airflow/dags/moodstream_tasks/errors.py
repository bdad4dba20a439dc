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
    """A command ended with an exit code other than 0; the message ends with its last words."""


class DataUnfit(WorkflowError):
    """A quality limit is exceeded: repair the data before training on it."""

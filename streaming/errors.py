"""What can go wrong in the streaming application, as one tree.

StreamingError
+-- SettingsError      wrong use: a setting is missing or malformed (exit code 2)
+-- PermanentFailure   a hop that can never succeed, restarts would be in vain (exit code 3)
|   +-- CheckpointVersionError   the checkpoint was written by an incompatible version of the hop
+-- SinkUnavailable    a sink cannot be reached now; the hop restarts with backoff
+-- ScoringError
|   +-- ModelUnusable  a registered model version was refused: missing artefact, wrong signature, bad output
+-- OperationFailed    an operator's command could not do its work; running it again is safe
"""


class StreamingError(Exception):
    """Anything that this package raises on purpose."""


class SettingsError(StreamingError):
    """A setting is missing or malformed; the message says received, expected and what to do."""


class PermanentFailure(StreamingError):
    """A hop that can never succeed as it is: restarting would be in vain."""


class CheckpointVersionError(PermanentFailure):
    """The checkpoint belongs to an incompatible version of the hop."""


class SinkUnavailable(StreamingError):
    """A sink cannot be reached at the moment; trying again later is right."""


class ScoringError(StreamingError):
    """Texts could not be scored."""


class ModelUnusable(ScoringError):
    """A registered model version was refused; the one before it goes on serving."""


class OperationFailed(StreamingError):
    """An operator's command could not do its work; the message says what to do, and running it again is safe."""

"""What can go wrong in the streaming application, as one tree. `exit_code`: how a command ends that raises the error.

StreamingError              1
+-- SettingsError           2  a setting is missing or malformed
+-- PermanentFailure        3  a hop can never succeed, restarts would be in vain
|   +-- CheckpointVersionError   the checkpoint was written by an incompatible version of the hop
|   +-- CheckpointDamaged        the checkpoint lacks what the hop needs to go on; the message names the repair
|   +-- LeaseLost           5  another job has taken the lake over; this one must not write any more
+-- LeaseHeld               5  another job owns the lake; this one did not start
+-- DataFilesGone           1  files that a reader still needs were vacuumed; it must start from the newest snapshot
+-- SinkUnavailable         2  a sink cannot be reached now; the hop restarts with backoff
+-- RowsRefused             1  a sink answered, and refused rows of a batch for what is in them
|   +-- TooManyRefused         so many rows of a batch were refused that the rows are not the fault
+-- ScoringError            1
|   +-- ModelUnusable          a registered model version was refused: missing artefact, wrong signature, bad output
+-- OperationFailed         1  an operator's command could not do its work; running it again is safe
"""


class StreamingError(Exception):
    """Anything that this package raises on purpose."""

    exit_code = 1


class SettingsError(StreamingError):
    """A setting is missing or malformed; the message says received, expected and what to do."""

    exit_code = 2


class PermanentFailure(StreamingError):
    """A hop that can never succeed as it is: restarting would be in vain."""

    exit_code = 3


class CheckpointVersionError(PermanentFailure):
    """The checkpoint belongs to an incompatible version of the hop."""


class CheckpointDamaged(PermanentFailure):
    """The checkpoint, or what it still has to read, lacks something; the message names the command that repairs it."""


class LeaseLost(PermanentFailure):
    """Another job has taken the lake over while this one showed no sign of life; it must not write any more."""

    exit_code = 5


class LeaseHeld(StreamingError):
    """Another job owns the lake; the message names it and says how to take over. Nothing was read or written."""

    exit_code = 5


class DataFilesGone(StreamingError):
    """Data files that a reader still needs were vacuumed: the rows must be read from the table's newest snapshot."""

    def __init__(self, table: str, path: str = "a data file") -> None:
        super().__init__(f"{table}: {path} was vacuumed before it was read; start from the table's newest snapshot")
        self.table = table


class SinkUnavailable(StreamingError):
    """A sink cannot be reached at the moment; trying again later is right."""

    exit_code = 2


class RowsRefused(StreamingError):
    """A sink answered, and refused rows of a batch for what is in them: the same rows will fail again."""


class TooManyRefused(RowsRefused):
    """More rows of a batch were refused than are left out: the program or the sink is at fault, not single rows."""


class ScoringError(StreamingError):
    """Texts could not be scored."""


class ModelUnusable(ScoringError):
    """A registered model version was refused; the one before it goes on serving."""


class OperationFailed(StreamingError):
    """An operator's command could not do its work; the message says what to do, and running it again is safe."""

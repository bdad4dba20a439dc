"""What can go wrong while deploying. `exit_code`: how the command ends that raises the error.

DeployError        2  wrong use, or a file or parameter that the deployment needs is missing
+-- StackFailed    1  CloudFormation rolled a stack back
+-- RunFailed      1  a job run on EMR Serverless did not end as it should
"""


class DeployError(Exception):
    """The deployment cannot go on; the message says what to do."""

    exit_code = 2


class StackFailed(DeployError):
    """A stack was rolled back; the message has the first reason that CloudFormation gave."""

    exit_code = 1


class RunFailed(DeployError):
    """A job run failed or does not end; the message has its id and what is known."""

    exit_code = 1

"""What can go wrong while deploying.

DeployError        wrong use, or a file or parameter that the deployment needs is missing (exit code 2)
+-- StackFailed    CloudFormation rolled a stack back (exit code 1)
"""


class DeployError(Exception):
    """The deployment cannot go on; the message says what to do."""


class StackFailed(DeployError):
    """A stack was rolled back; the message has the first reason that CloudFormation gave."""

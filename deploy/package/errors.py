"""What can go wrong while packaging.

PackageError       a source is missing, or the release is not what it should be (exit code 2)
+-- ToolError      a tool that does part of the work failed
"""


class PackageError(Exception):
    """The release cannot be built from this checkout."""


class ToolError(PackageError):
    """A tool failed; the message ends with its last words."""

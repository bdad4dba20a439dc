"""What can go wrong while packaging. `exit_code`: how the command ends that raises the error.

PackageError       2  a source file is missing
+-- ToolError      2  uv or pip failed
"""


class PackageError(Exception):
    """The release cannot be built from this checkout."""

    exit_code = 2


class ToolError(PackageError):
    """A tool failed; the message ends with its last line."""

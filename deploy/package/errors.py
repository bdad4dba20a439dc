"""What can go wrong while packaging.

PackageError       a source file is missing (exit code 2)
+-- ToolError      uv or pip failed
"""


class PackageError(Exception):
    """The release cannot be built from this checkout."""


class ToolError(PackageError):
    """A tool failed; the message ends with its last line."""

"""Free TCP ports on the loopback interface."""

from __future__ import annotations

import socket

from deploy.local.errors import UsageError

HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free(preferred: int | None = None) -> int:
    """A free port: the preferred one if it is free, so that links still work after a restart."""
    if preferred and is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def demanded(option: str, port: int) -> int:
    """The port of a user's option; raises UsageError if another process listens there."""
    if not is_free(port):
        raise UsageError(f"{option}: port {port} is taken; name another or leave the option out")
    return port

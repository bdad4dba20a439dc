"""A job under the lease of its lake: taken at the start, kept by a thread, given back at the end."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from deltalake.exceptions import DeltaError

from streaming.errors import LeaseLost, SinkUnavailable
from streaming.lease.heartbeat import Heartbeat
from streaming.lease.owner import Owner
from streaming.lease.storage import DeltaLease, SignOfLife
from streaming.lease.take import take
from streaming.settings import Settings


@contextmanager
def owned(settings: Settings) -> Iterator[Settings]:
    """The settings with the token that every writer of the job must carry, while the job owns the lake's hops.

    Raises LeaseHeld if another job owns one of the hops and lives, and SinkUnavailable if the lake cannot be reached.
    Ends the process with the exit code of LeaseLost if another job takes over.
    """
    sign = SignOfLife(Owner.this_process(), settings.hops, settings.lease_seconds)
    try:
        storage = DeltaLease(settings)
        token = take(storage, sign, settings.lake)
    except (OSError, DeltaError) as error:
        raise SinkUnavailable(f"the lease of {settings.lake} cannot be reached: {error}") from error
    heartbeat = Heartbeat(storage, token, sign, _end_process)
    heartbeat.start()
    try:
        yield replace(settings, token=token)
    finally:
        heartbeat.release()


def _end_process(why: str) -> None:
    """At once: an orderly end waits for batches, and each of them still writes into the checkpoint."""
    sys.stderr.write(f"moodstream stream: {why}\n")
    sys.stderr.flush()
    logging.shutdown()
    os._exit(LeaseLost.exit_code)

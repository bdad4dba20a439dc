"""Repairs of the state of refine: the ids of events that it knows."""

from __future__ import annotations

from streaming.checkpoints.damage import Damage
from streaming.checkpoints.repair.means import Means
from streaming.checkpoints.state import Partition
from streaming.files import Files
from streaming.settings import Settings


def can_be_rebuilt(settings: Settings, damage: Damage) -> bool:
    """Whether an older snapshot and all changes since then are left."""
    return _partition(settings, damage).sound_snapshot(damage.batch + 1) is not None


def rebuild(settings: Settings, damage: Damage, means: Means) -> str:  # noqa: ARG001 - what every repair takes
    """Remove the damaged snapshots, so that Spark takes an older one and applies all changes since then."""
    partition = _partition(settings, damage)
    base = partition.sound_snapshot(damage.batch + 1)
    if base is None:
        return "nothing was left to repair it from"
    partition.leave_out(base, damage.batch + 1)
    return f"{damage.subject} is rebuilt from version {base} and the changes since then"


def forget(settings: Settings, damage: Damage, means: Means) -> str:  # noqa: ARG001 - what every repair takes
    """Begin this partition anew, without any id."""
    _partition(settings, damage).forget(damage.batch + 1)
    return f"{damage.subject} is empty"


def _partition(settings: Settings, damage: Damage) -> Partition:
    return Partition(Files(settings), f"{settings.checkpoint(damage.hop)}/{damage.subject}")

"""Load profiles: how the rate changes with time, whatever happens on the platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.platform.episodes import volume
from generator.platform.people import total_activity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from generator.delivery.pacing import Profile
    from generator.platform.episodes import Episode

RAMP_SECONDS = 300.0
BURST_PERIOD = 60.0
BURST_SECONDS = 5.0
BURST_FACTOR = 8.0


def steady(_: float) -> Profile:
    """The same load all the time."""
    return lambda _seconds: 1.0


def daily(began: float) -> Profile:
    """The world's day and week; the mean over a week is about 1."""
    return lambda seconds: total_activity(began + seconds)


def ramp(_: float) -> Profile:
    """From a tenth of the rate to twice the rate in five minutes, then on at that."""
    return lambda seconds: 0.1 + 1.9 * min(1.0, seconds / RAMP_SECONDS)


def bursts(_: float) -> Profile:
    """The rate, and each minute eight times the rate for five seconds."""
    return lambda seconds: BURST_FACTOR if seconds % BURST_PERIOD >= BURST_PERIOD - BURST_SECONDS else 1.0


# Each makes a profile of a run that began at an epoch second.
PROFILES: dict[str, Callable[[float], Profile]] = {
    "steady": steady,
    "daily": daily,
    "ramp": ramp,
    "bursts": bursts,
}


def load(profile: str, episodes: Sequence[Episode], began: float) -> Profile:
    """Return a named profile with the volume of the episodes on top."""
    base = PROFILES[profile](began)
    if not episodes:
        return base
    return lambda seconds: base(seconds) * volume(episodes, seconds)

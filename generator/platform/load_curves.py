"""Load curves: how the generator's rate changes over time, with or without episodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.platform.episodes import volume
from generator.platform.people import total_activity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from generator.delivery.pacing import LoadCurve
    from generator.platform.episodes import Episode

RAMP_SECONDS = 300.0
BURST_PERIOD = 60.0
BURST_SECONDS = 5.0
BURST_FACTOR = 8.0


def steady(_: float) -> LoadCurve:
    """Return a constant factor of 1."""
    return lambda _seconds: 1.0


def daily(began: float) -> LoadCurve:
    """Follow the users' days and weeks across all time zones; the mean over a week is about 1."""
    return lambda seconds: total_activity(began + seconds)


def ramp(_: float) -> LoadCurve:
    """Rise from a tenth of the rate to twice the rate in five minutes, then stay there."""
    return lambda seconds: 0.1 + 1.9 * min(1.0, seconds / RAMP_SECONDS)


def bursts(_: float) -> LoadCurve:
    """Keep the rate, but send eight times as much in the last five seconds of each minute."""
    return lambda seconds: BURST_FACTOR if seconds % BURST_PERIOD >= BURST_PERIOD - BURST_SECONDS else 1.0


# Each value takes the epoch second at which the run began, and returns the run's load curve.
LOAD_CURVES: dict[str, Callable[[float], LoadCurve]] = {
    "steady": steady,
    "daily": daily,
    "ramp": ramp,
    "bursts": bursts,
}


def load_curve(name: str, episodes: Sequence[Episode], began: float) -> LoadCurve:
    """Return the named load curve, multiplied by the volume of the episodes."""
    base = LOAD_CURVES[name](began)
    if not episodes:
        return base
    return lambda seconds: base(seconds) * volume(episodes, seconds)

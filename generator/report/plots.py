"""The report's pictures, as SVG. The only module of the package that needs matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt

from generator.report.timeline import BUCKET

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from generator.report.statistics import Week
    from generator.report.timeline import Timeline

INK = "#1f4e79"
WARM = "#c0392b"


def draw(directory: Path, week: Week, timeline: Timeline) -> None:
    """Write activity, followers, cascades, delays, cycle, vocabulary and mood, each as NAME.svg."""
    mpl.rcParams["svg.hashsalt"] = "moodstream"  # the same picture gives the same bytes
    _tail(directory / "activity.svg", list(week.activity.values()), "actions of a user", "share of users with more")
    _tail(directory / "followers.svg", week.followers, "followers", "share of users with more")
    _tail(directory / "cascades.svg", list(week.reactions.values()), "reactions to a post", "share of posts with more")
    _tail(directory / "delays.svg", [int(d) for d in week.delays], "seconds until a reaction", "share that took longer")
    _cycle(directory / "cycle.svg", week)
    _vocabulary(directory / "vocabulary.svg", week)
    _mood(directory / "mood.svg", timeline)


def _save(path: Path) -> None:
    plt.tight_layout()
    plt.savefig(path, metadata={"Date": None})
    plt.close()


def _axes(rows: int = 1, height: float = 3.0) -> list[Axes]:
    _, axes = plt.subplots(rows, 1, figsize=(6.4, height * rows), squeeze=False)
    for axis in axes[:, 0]:
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    return list(axes[:, 0])


def _tail(path: Path, values: Sequence[int], label: str, of: str) -> None:
    """The complementary cumulative distribution on logarithmic axes: a power law is a straight line."""
    ordered = sorted(values, reverse=True)
    (axis,) = _axes()
    axis.loglog([v for v in ordered if v], [(i + 1) / len(ordered) for i, v in enumerate(ordered) if v], color=INK)
    axis.set_xlabel(label)
    axis.set_ylabel(of)
    _save(path)


def _cycle(path: Path, week: Week) -> None:
    upper, lower = _axes(2, 2.4)
    upper.bar(range(24), [week.local_hours[h] for h in range(24)], color=INK)
    upper.set_xlabel("local hour of the acting user")
    upper.set_ylabel("events")
    lower.plot([h / 24 for h in range(168)], [week.hours[h] for h in range(168)], color=INK)
    lower.set_xlabel("day of the week that was simulated")
    lower.set_ylabel("events an hour")
    _save(path)


def _vocabulary(path: Path, week: Week) -> None:
    (axis,) = _axes()
    axis.loglog([w for w, _ in week.vocabulary], [d for _, d in week.vocabulary], color=INK)
    axis.set_xlabel("words written")
    axis.set_ylabel("distinct words")
    _save(path)


def _mood(path: Path, timeline: Timeline) -> None:
    upper, lower = _axes(2, 2.4)
    buckets = range(max(timeline.records))
    minutes = [b * BUCKET / 60 for b in buckets]
    upper.plot(minutes, [timeline.records[b] / BUCKET for b in buckets], color=INK)
    upper.set_ylabel("records a second")
    lower.plot(minutes, [timeline.negative_share(b) for b in buckets], color=WARM)
    lower.set_ylabel("negative share")
    lower.set_xlabel("minutes into the scenario")
    for episode in timeline.episodes:
        for axis in (upper, lower):
            axis.axvspan(episode.start / 60, (episode.start + episode.length) / 60, alpha=0.10, color=WARM)
        upper.annotate(episode.kind, (episode.start / 60, 1.0), xycoords=("data", "axes fraction"), fontsize=8)
    _save(path)

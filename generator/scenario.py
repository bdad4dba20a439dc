"""Reads scenarios: TOML files that describe a run. An error names the wrong key, its value and what was expected."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.errors import UsageError
from generator.platform.episodes import KINDS, Episode, of_kind
from generator.platform.load_curves import LOAD_CURVES
from generator.platform.people import PLACES
from generator.platform.text import vocabulary
from generator.simulation import Dirt

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Scenario:
    """The content of a run: rate (records a second), number of users, load curve, dirt and episodes."""

    title: str = ""
    rate: float | None = None
    users: int = 20_000
    load_curve: str = "steady"
    dirt: Dirt = field(default_factory=Dirt)
    episodes: tuple[Episode, ...] = ()


def packaged() -> list[str]:
    """Return the names of the packaged scenarios, sorted."""
    folder = files("generator").joinpath("scenarios")
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))


def load_scenario(name: str) -> Scenario:
    """Read a packaged scenario by its name, or a file by its path."""
    if name in packaged():
        text = files("generator").joinpath("scenarios", f"{name}.toml").read_text("utf-8")
    else:
        try:
            text = Path(name).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise UsageError(
                f"--scenario '{name}' is neither a readable file nor one of: {', '.join(packaged())}"
            ) from None
    try:
        return parse_scenario(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"scenario '{name}' is not TOML: {error}") from None
    except UsageError as error:
        raise UsageError(f"scenario '{name}': {error}") from None


def parse_scenario(raw: Mapping[str, Any]) -> Scenario:
    """Validate a scenario that was read from TOML, and build it; raises UsageError."""
    raw = _with_current_names(raw)
    _no_others(raw, {"title", "rate", "users", "load_curve", "dirt", "episode"}, "a scenario")
    rate = raw.get("rate")
    return Scenario(
        title=str(raw.get("title", "")),
        rate=None if rate is None else _number(rate, "rate", above=0),
        users=int(_number(raw.get("users", Scenario.users), "users", above=0)),
        load_curve=_one_of(raw.get("load_curve", Scenario.load_curve), tuple(LOAD_CURVES), "load_curve"),
        dirt=_dirt(raw.get("dirt", {})),
        episodes=tuple(parse_episode(e) for e in raw.get("episode", [])),
    )


def _with_current_names(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Rename `profile`, the older name of `load_curve`."""
    renamed = dict(raw)
    if "profile" in renamed:
        if "load_curve" in renamed:
            raise UsageError("a scenario has 'load_curve' and its older name 'profile'; expected only 'load_curve'")
        renamed["load_curve"] = renamed.pop("profile")
    return renamed


def _dirt(raw: Mapping[str, Any]) -> Dirt:
    _no_others(raw, {f.name for f in fields(Dirt)}, "[dirt]")
    dirt = replace(Dirt(), **{name: _number(share, f"dirt.{name}") for name, share in raw.items()})
    if dirt.total > 1:
        raise UsageError(f"the shares of [dirt] add up to {dirt.total:g}, expected at most 1")
    return dirt


def parse_episode(raw: Mapping[str, Any]) -> Episode:
    """Validate one episode: its kind, and the fields that replace the kind's defaults."""
    given = dict(raw)
    kind = _one_of(given.pop("kind", None), tuple(KINDS), "an episode's kind")
    _no_others(given, {f.name for f in fields(Episode)} - {"kind"}, f"an episode of kind '{kind}'")
    for name, least in (("start", 0.0), ("length", 1e-3), ("volume", 0.0), ("share", 0.0), ("bots", 0.0)):
        if name in given:
            given[name] = _number(given[name], f"episode.{name}", least=least)
    given |= {n: tuple(given[n]) for n in ("mood", "tags", "things", "fans", "gripes", "ages") if n in given}
    episode = of_kind(kind, **given)
    _one_of(episode.topic, tuple(t.name for t in vocabulary().topics), "episode.topic")
    if episode.place is not None:
        _one_of(episode.place, tuple(p.name for p in PLACES), "episode.place")
    if len(episode.mood) != 3 or abs(sum(episode.mood) - 1) > 1e-6:
        raise UsageError(f"episode.mood is {list(episode.mood)}, expected three shares that add up to 1")
    if not 0 <= episode.share <= 1:
        raise UsageError(f"episode.share is {episode.share:g}, expected a share between 0 and 1")
    if not episode.tags:
        raise UsageError("episode.tags is empty, expected at least one hashtag without #")
    return replace(episode, bots=int(episode.bots))


def episode_of(text: str) -> Episode:
    """Read ``KIND``, ``KIND@START`` or ``KIND@START+LENGTH`` (seconds), as on the command line."""
    kind, _, times = text.partition("@")
    start, _, length = times.partition("+")
    raw: dict[str, Any] = {"kind": kind}
    try:
        if start:
            raw["start"] = float(start)
        if length:
            raw["length"] = float(length)
    except ValueError:
        raise UsageError(f"--episode '{text}' is not KIND@START+LENGTH, as in outage@60+120") from None
    return parse_episode(raw)


def _no_others(raw: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(raw) - known):
        raise UsageError(f"{where} has no '{unknown[0]}'; it has: {', '.join(sorted(known))}")


def _one_of(value: Any, choices: tuple[str, ...], what: str) -> str:
    if value not in choices:
        raise UsageError(f"{what} is '{value}', expected one of: {', '.join(choices)}")
    return str(value)


def _number(value: Any, what: str, *, least: float = 0.0, above: float | None = None) -> float:
    wanted = f"above {above:g}" if above is not None else f"of at least {least:g}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{what} is {value!r}, expected a number {wanted}")
    if value < least or (above is not None and value <= above):
        raise UsageError(f"{what} is {value:g}, expected a number {wanted}")
    return float(value)

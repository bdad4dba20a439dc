"""The page of the streaming job's settings: option, environment variable, default, meaning.

Everything is observed from outside: the help names options and meanings, the settings of the shortest command line hold
the defaults, and an environment that records what it is asked for tells which variable fills which setting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from docs.generate.help_text import printed
from docs.generate.markdown import table
from streaming import settings

SHORTEST = ("--lake", "LAKE", "--stream", "STREAM")
# A value that a setting of any kind takes from another tool's variable.
RECEIVED = "http://received"
REQUIRED = SHORTEST[::2]
PREFIX = "MOODSTREAM_"
COLUMNS = 1000  # wider than any meaning, so that none is broken into lines
# An option and its meaning, on one line or, where the option is long, on the next.
OPTION = re.compile(r"^  (--[a-z-]+)(?: [^\s]+)?(?:\n {10,}| {2,})(\S.*)$", re.MULTILINE)
# A setting that has no option, so that no list of processes shows it, has no help either.
ENVIRONMENT_ONLY = {
    "warehouse_password": "password of the warehouse's user, where --warehouse names one",
    "openlineage_api_key": "key that the catalog of --openlineage-endpoint wants, sent as a bearer token",
}
HEAD = """# Settings of the streaming job

Written by `make reference` from `streaming/settings.py`. An option wins over its environment variable. Times are
seconds where the meaning does not say otherwise; `-` means that there is none.

"""


class _Recorder(dict[str, str]):
    """An environment that remembers every name it is asked for."""

    def __init__(self, *given: Mapping[str, str]) -> None:
        super().__init__(*given)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)


def page() -> str:
    """The page."""
    return HEAD + table(("option", "environment variable", "default", "meaning"), _rows())


def _rows() -> Iterator[tuple[str, str, str, str]]:
    environ = _Recorder()
    defaults = asdict(settings.from_command_line(SHORTEST, environ))
    others = _filled_by(environ.asked, defaults)
    for option, meaning in _meanings().items():
        name = option.strip("-").replace("-", "_")
        variables = [PREFIX + name.upper()] if PREFIX + name.upper() in environ.asked else []
        variables += others.get(name, [])
        default = "required" if option in REQUIRED else _shown(defaults[name])
        yield f"`{option}`", ", ".join(f"`{each}`" for each in variables) or "-", default, meaning
    for name, meaning in ENVIRONMENT_ONLY.items():
        if name in defaults:
            yield "-", f"`{PREFIX}{name.upper()}`", _shown(defaults[name]), meaning


def _meanings() -> dict[str, str]:
    """Option -> meaning, in the help's order."""
    text = printed(lambda: settings.from_command_line(["--help"], {}), COLUMNS)
    return dict(OPTION.findall(text))


def _filled_by(asked: set[str], defaults: Mapping[str, Any]) -> dict[str, list[str]]:
    """Setting -> the variables of other tools (AWS_REGION say) that fill it where nothing else does."""
    found: dict[str, list[str]] = {}
    for variable in sorted(name for name in asked if not name.startswith(PREFIX)):
        filled = asdict(settings.from_command_line(SHORTEST, {variable: RECEIVED}))
        for name in (name for name in filled if filled[name] != defaults[name]):
            found.setdefault(name, []).append(variable)
    return found


def _shown(value: Any) -> str:
    if value in (None, False, "", ()):
        return "-"
    return f"`{','.join(value)}`" if isinstance(value, tuple) else f"`{value}`"

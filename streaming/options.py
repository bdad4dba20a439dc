"""Options that environment variables may stand in for: parsed, checked alike, and with a memory of their origin."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import Any, NamedTuple, NoReturn

from streaming.errors import SettingsError

Group = argparse.ArgumentParser | argparse._ArgumentGroup
DEFAULT, OPTION = "default", "option"


class _Fallback(NamedTuple):
    """What a setting is where no option names it: `origin` is DEFAULT or the name of a variable."""

    value: Any
    origin: str

    def __str__(self) -> str:
        """As `--help` shows a default."""
        return str(self.value)


class Parser(argparse.ArgumentParser):
    """The parser of `moodstream NAME`: it raises SettingsError, of one line, where argparse would exit.

    Variables that stand in for options pass the same checks as options. The attribute `origins` of what it parses says
    for each setting where it comes from: OPTION, the name of a variable, or DEFAULT.
    """

    def __init__(self, name: str, description: str, examples: str) -> None:
        super().__init__(
            prog=f"moodstream {name}",
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self._settings: list[argparse.Action] = []

    def add_setting(
        self, group: Group, environ: Mapping[str, str], name: str, variables: Sequence[str], **how: Any
    ) -> None:
        """Add an option to `group`; what it leaves out comes from the first of `variables` that is set, then `default`.

        `how`: as for argparse's `add_argument`.
        """
        found = next((_Fallback(environ[each], each) for each in variables if environ.get(each) is not None), None)
        fallback = found or _Fallback(how.get("default"), DEFAULT)
        required = bool(how.get("required")) and fallback.value is None
        how |= {"default": fallback, "required": required}
        self._settings.append(group.add_argument(f"--{name.replace('_', '-')}", **how))

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> argparse.Namespace:  # type: ignore[override]
        """As argparse; a variable's value is converted and checked only if no option takes its place."""
        # Intermixed: argparse alone refuses `show --workdir DIR ID`, where an option stands between two arguments.
        parsed: argparse.Namespace = super().parse_intermixed_args(args, namespace)
        parsed.origins = {action.dest: _settle(action, parsed) for action in self._settings}
        return parsed

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting."""
        raise SettingsError(f"{message} (see --help)")


def _settle(action: argparse.Action, parsed: argparse.Namespace) -> str:
    """Put the checked value of a fallback into what was parsed; returns where the setting comes from."""
    value = getattr(parsed, action.dest)
    if not isinstance(value, _Fallback):
        return OPTION
    setattr(parsed, action.dest, value.value if value.origin == DEFAULT else _checked(action, value))
    return value.origin


def _checked(action: argparse.Action, given: _Fallback) -> Any:
    """The variable's value as the option would take it; raises SettingsError with the variable's name."""
    value = given.value
    if isinstance(action.type, type | FunctionType):
        try:
            value = action.type(value)
        except argparse.ArgumentTypeError as error:
            raise SettingsError(f"{given.origin}: {error}") from None
        except ValueError:
            expected = getattr(action.type, "__name__", "another kind of value")
            raise SettingsError(f"{given.origin}: received '{value}', expected a value of type {expected}") from None
    if action.choices is not None and value not in action.choices:
        raise SettingsError(
            f"{given.origin}: received '{value}', expected one of {', '.join(map(str, action.choices))}"
        )
    return value

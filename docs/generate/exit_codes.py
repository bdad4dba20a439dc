"""The page of exit codes, from the error trees: each package states in one place which error ends with which code."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from types import ModuleType

from docs.generate.markdown import table

# Package -> the module of its error tree.
TREES: Mapping[str, str] = {
    "`moodstream stream` and the operations": "streaming.errors",
    "`moodstream generate`": "generator.errors",
    "`moodstream connect`": "connectors.errors",
    "`moodstream model`, `score`": "model.errors",
    "`moodstream demo`, `status`, `audit`, `chaos`, `bench`, `cost`": "deploy.local.errors",
    "`python -m deploy.infra.deploy`": "deploy.infra.errors",
    "`make package`": "deploy.package.errors",
}
HEAD = """# Exit codes

Written by `make reference` from the error trees. About an error that it expects, a command writes one line to standard
error; a traceback with code 1 is a fault of the program. `moodstream.exit_code_of` is the one place that does both.

| code | means |
|---|---|
| 0 | done; also when stopped as asked |
| 1 | it failed or is incomplete, or an audit did not pass |
| 2 | wrong use, or something is missing that the user can provide: the same command ends the same way |
| 3 | it can never succeed as it is: a restart would be in vain |
| 4 | a service that it needs cannot be reached: try again later |
| 5 | another job owns the lake: this one did not start, or has stepped down; the message names the owner |
"""


def page() -> str:
    """The page."""
    return HEAD + "".join(_section(commands, importlib.import_module(name)) for commands, name in TREES.items())


def _section(commands: str, module: ModuleType) -> str:
    rows = table(("error", "code", "meaning"), _rows(module))
    return f"\n## {commands}\n\nErrors of `{module.__name__.replace('.', '/')}.py`:\n\n{rows}"


def _rows(module: ModuleType) -> Iterator[tuple[str, str, str]]:
    for name, error in vars(module).items():
        if inspect.isclass(error) and issubclass(error, Exception) and error.__module__ == module.__name__:
            meaning = (inspect.getdoc(error) or "").split("\n")[0]
            yield f"`{name}`", str(error.exit_code), meaning  # type: ignore[attr-defined]

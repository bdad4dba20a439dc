"""The page of exit codes, from the error trees: each package states in one place which error ends with which code."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from types import ModuleType

from docs.generate.markdown import table

# Package -> the module of its error tree.
TREES: Mapping[str, str] = {
    "`moodstream stream` and the operations": "streaming.errors",
    "`moodstream generate`": "generator.errors",
    "`moodstream model`, `score`": "model.errors",
    "`moodstream demo`, `status`, `audit`, `chaos`, `bench`, `cost`": "deploy.local.errors",
    "`python -m deploy.infra.deploy`": "deploy.infra.errors",
    "`make package`": "deploy.package.errors",
}
STATED = re.compile(r"(\w+) +[^\n]*\(exit code (\d)\)")
HEAD = """# Exit codes

Written by `make reference` from the error trees. About an error that it expects, a command writes one line to standard
error; a traceback with code 1 is a fault of the program.

| code | means |
|---|---|
| 0 | done; also when stopped as asked |
| 1 | it failed or is incomplete: running it again is safe |
| 2 | wrong use, or something that it needs is missing: the same command will end the same way |
| 3 | the streaming job can never succeed as it is: do not restart it |
"""


def page() -> str:
    """The page."""
    return HEAD + "".join(_section(commands, importlib.import_module(name)) for commands, name in TREES.items())


def _section(commands: str, module: ModuleType) -> str:
    rows = table(("error", "code", "meaning"), _rows(module))
    return f"\n## {commands}\n\nErrors of `{module.__name__.replace('.', '/')}.py`:\n\n{rows}"


def _rows(module: ModuleType) -> Iterator[tuple[str, str, str]]:
    codes = _codes(module)
    for name, error in vars(module).items():
        if inspect.isclass(error) and issubclass(error, Exception) and error.__module__ == module.__name__:
            code = next((codes[each] for each in error.__mro__ if each in codes), None)
            meaning = (inspect.getdoc(error) or "").split("\n")[0]
            yield f"`{name}`", "-" if code is None else str(code), meaning


def _codes(module: ModuleType) -> Mapping[type, int]:
    """Error -> exit code: the module's table of them, else what its docstring's tree states."""
    for value in vars(module).values():
        if isinstance(value, Mapping) and value and all(map(_is_pair, value.items())):
            return dict(value)
    stated = STATED.findall(inspect.getdoc(module) or "")
    return {getattr(module, name): int(code) for name, code in stated}


def _is_pair(item: tuple[object, object]) -> bool:
    error, code = item
    return inspect.isclass(error) and issubclass(error, BaseException) and isinstance(code, int)

"""The page of every `moodstream` command: what each prints for `--help`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import moodstream
from docs.generate.help_text import printed
from docs.generate.markdown import table

COLUMNS = 100
# A word of its own at the beginning of a line: a command within a command, if the command agrees.
WORD = re.compile(r"^ {2,4}([a-z][a-z-]*)(?=\s|$)", re.MULTILINE)
HEAD = """# Commands

Written by `make reference` from the commands' own `--help`. What an exit code means: [exit codes](exit-codes.md).

"""


def page() -> str:
    """The page."""
    parts = [HEAD, table(("command", "purpose"), _listed())]
    for name in moodstream.COMMANDS:
        for words, text in _helps(name):
            parts.append(f"\n{'#' * (len(words) + 1)} moodstream {' '.join(words)}\n\n```text\n{text.rstrip()}\n```\n")
    return "".join(parts)


def _listed() -> Iterator[tuple[str, str]]:
    for name, (_, purpose) in moodstream.COMMANDS.items():
        yield f"[`moodstream {name}`](#moodstream-{name})", purpose


def _helps(name: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The help of a command, then that of each command within it."""
    own = _help(name)
    yield (name,), own
    for word in dict.fromkeys(WORD.findall(own)):
        text = _help(name, word)
        if text.startswith(f"usage: moodstream {name} {word}"):
            yield (name, word), text


def _help(*words: str) -> str:
    """What `moodstream` prints for `--help` after these words, with an empty environment."""
    return printed(lambda: moodstream.run([*words, "--help"], {}), COLUMNS)

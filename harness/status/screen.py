"""Prints a state under the place that it is of."""

from __future__ import annotations

from rich.console import Console, RenderableType


def show(place: str, state: RenderableType) -> None:
    """Print `moodstream in PLACE`, then the state.

    The place is no title of a table, which would be broken at the table's width: a path in one line can be copied,
    also where the terminal is narrower than the path.
    """
    console = Console(highlight=False)
    console.print(f"moodstream in {place}", style="italic", markup=False, soft_wrap=True)
    console.print(state)

"""Where `moodstream score` takes its texts from."""

from __future__ import annotations

from io import StringIO

import pytest

from model.errors import UsageError
from model.score import texts_of


def test_texts_come_from_the_command_line_or_from_lines_in_any_language() -> None:
    assert texts_of(["good", "bad"], StringIO("unread\n")) == ["good", "bad"]
    assert texts_of(["-"], StringIO("good\n\nSchön\r\nこれは最高です")) == ["good", "", "Schön", "これは最高です"]


@pytest.mark.parametrize(("given", "lines", "told"), [(["-"], "", "input is empty"), (["-", "good"], "x\n", "- alone")])
def test_no_text_or_two_origins_are_refused_before_a_model_is_opened(given: list[str], lines: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        texts_of(given, StringIO(lines))

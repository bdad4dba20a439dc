"""The pages that follow from the code are those that the code writes."""

from __future__ import annotations

import pytest

from docs.generate.__main__ import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_would_write_now(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "run: make reference"


def test_no_page_of_the_reference_is_written_by_hand() -> None:
    assert {f"reference/{path.name}" for path in (DOCS / "reference").iterdir()} == {
        name for name in PAGES if name.startswith("reference/")
    }

"""What a chaos run found, as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = ("fault", "reached", "ready_s", "stopped", "went_on", "requests_broken", "recovered_s", "lost", "doubled")


def markdown(result: Mapping[str, Any], argv: Sequence[str]) -> str:
    """The faults, one a row, then what each layer lost and doubled."""
    audit = result["audit"]
    layers = [
        f"| {name} | {audit[name].get('lost', '')} | {audit[name].get('duplicated', '')} |"
        for name in ("bronze", "silver", "warehouse")
    ]
    return "\n".join(
        [
            f"Measured with `moodstream chaos {' '.join(argv)}`: {audit['sent']} records sent.",
            "",
            "| " + " | ".join(COLUMNS) + " |",
            "|" + "---|" * len(COLUMNS),
            *("| " + " | ".join(_cell(fault.get(column)) for column in COLUMNS) + " |" for fault in result["faults"]),
            "",
            "| layer | lost | doubled |",
            "|---|---|---|",
            *layers,
            f"| gold | difference {audit['gold']['difference']} | |",
            "",
            f"Audit {'passed' if audit['passed'] else 'failed'}.",
            "",
        ]
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, list) else str(value)

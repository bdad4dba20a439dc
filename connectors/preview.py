"""Shows what would be sent."""

from __future__ import annotations

from collections import Counter
from typing import IO, TYPE_CHECKING

from connectors.event import Event
from connectors.sources.choice import source_of

if TYPE_CHECKING:
    from connectors.session import Session
    from connectors.settings import Settings

SHOWN = 5


def preview(settings: Settings, session: Session, output: IO[str]) -> None:
    """Write the first five events to `output`, and what was skipped until then to the session; sends nothing."""
    events: list[Event] = []
    skipped: Counter[str] = Counter()
    for batch in source_of(settings, session).batches(None):
        events += batch.events
        skipped.update(batch.skipped)
        if len(events) >= SHOWN:
            break
    session.stop.set()
    for event in events[:SHOWN]:
        output.write(event.data.decode() + "\n")
    output.flush()
    if skipped:
        session.tell("skipped on the way: " + ", ".join(f"{count} {reason}" for reason, count in skipped.items()))

"""Which module reads which source."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.session import Session, Source
    from connectors.settings import Settings


def source_of(settings: Settings, session: Session) -> Source:
    """The source that the settings name; raises UsageError or CredentialsMissing. Imports only its own libraries."""
    if settings.source == "bluesky":
        from connectors.sources.bluesky import Bluesky

        return Bluesky(settings.endpoint, session)
    from connectors.sources.file import File

    return File(settings.items, settings.endpoint, settings.mapping, settings.encoding, session)

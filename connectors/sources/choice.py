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
    if settings.source == "file":
        from connectors.sources.file import File

        return File(settings.items, settings.endpoint, settings.mapping, settings.encoding, session)
    if settings.source == "mastodon":
        from connectors.sources.mastodon import Mastodon

        return Mastodon(settings.items, settings.endpoint, settings.credentials.get("MASTODON_ACCESS_TOKEN"), session)
    return _polled(settings, session)


def _polled(settings: Settings, session: Session) -> Source:
    """The sources that are asked again and again."""
    items, endpoint, poll, held = settings.items, settings.endpoint, settings.poll, settings.credentials
    if settings.source == "rss":
        from connectors.sources.rss import Rss

        return Rss(items, endpoint, session, poll)
    if settings.source == "hackernews":
        from connectors.sources.hackernews import HackerNews

        return HackerNews(endpoint, session, poll)
    if settings.source == "youtube":
        from connectors.sources.youtube import YouTube

        return YouTube(items, endpoint, held.get("YOUTUBE_API_KEY"), session, poll)
    from connectors.sources.reddit import Reddit

    login, secret = held.get("REDDIT_CLIENT_ID"), held.get("REDDIT_CLIENT_SECRET")
    return Reddit(items, endpoint, (login, secret) if login and secret else None, session, poll)

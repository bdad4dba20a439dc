"""Whether a real source can be reached, found out before anything is started."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from connectors.sources import bluesky, hackernews, mastodon, reddit, youtube
from deploy.local.errors import UsageError

DEFAULTS: Mapping[str, str] = {
    "bluesky": bluesky.ENDPOINT,
    "mastodon": mastodon.ENDPOINT,
    "hackernews": hackernews.ENDPOINT,
    "reddit": reddit.ENDPOINT,
    "youtube": youtube.ENDPOINT,
}
PORTS = {"ws": 80, "http": 80, "wss": 443, "https": 443}
PATIENCE_S = 5.0


def check(source: str, endpoint: str | None) -> None:
    """Raise UsageError if nothing answers at the source's address; feeds and files are left to the connector."""
    address = endpoint or DEFAULTS.get(source)
    if address is None or source in ("rss", "file"):
        return
    parts = urlsplit(address)
    if parts.scheme not in PORTS or not parts.hostname:
        raise UsageError(f"--connect-endpoint: received '{address}', expected an address such as {DEFAULTS[source]}")
    try:
        socket.create_connection((parts.hostname, parts.port or PORTS[parts.scheme]), PATIENCE_S).close()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--connect {source}: cannot reach {parts.netloc} ({error}); a real source needs the internet, "
            "a demo without --connect does not"
        ) from error

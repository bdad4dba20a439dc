"""What Mastodon's events mean: update, status.update and delete.

A delete names a status without saying what it was. Where the status was seen it is known; otherwise it is deleted as a
post, as a comment and as a share, since an id is only ever one of them.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from connectors.event import Event, Events, SkippedItem, event_time
from connectors.markup import text_of
from connectors.polling import Seen

MALFORMED = "malformed"
KINDS = ("post", "comment", "interaction")
REMEMBERED = 200_000
PUBLIC = ("public", "unlisted")


class Statuses:
    """Translates events of one server, and remembers what its last statuses were."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._make = Events("mastodon")
        self._kinds = Seen(REMEMBERED)  # status -> its kind
        self._roots = Seen(REMEMBERED)  # status -> the one that began its thread

    def events(self, name: str, content: Any, corrected: Counter[str]) -> list[Event]:
        """The events of one server-sent event; raises SkippedItem with a reason if there is none."""
        if name == "delete":
            return self._deleted(str(content or ""))
        if name not in ("update", "status.update"):
            raise SkippedItem(f"other_event:{name[:40]}")
        if not isinstance(content, dict):
            raise SkippedItem(MALFORMED)
        if content.get("visibility", "public") not in PUBLIC:
            raise SkippedItem("not_public")
        return [self._status(content, corrected)]

    def _item(self, status: str) -> str:
        return self._make.item(f"{self._server}/{status}")

    def _status(self, status: dict[str, Any], corrected: Counter[str]) -> Event:
        number, user = status.get("id"), self._account(status)
        if not isinstance(number, str) or not number:
            raise SkippedItem(MALFORMED)
        edited = status.get("edited_at")
        at = event_time(edited or status.get("created_at"), time.time_ns() // 1_000)
        corrected["event_time"] += at.corrected
        item, version = self._item(number), str(edited or "first")
        boosted = status.get("reblog")
        if isinstance(boosted, dict):
            self._kinds.put(number, "interaction")
            author, post = self._account(boosted), self._item(str(boosted.get("id")))
            return self._make.interaction(item, user, author, "share", version=version, at=at.us, post=post)
        warning, body = str(status.get("spoiler_text") or ""), text_of(str(status.get("content") or ""))
        text = "\n\n".join(part for part in (warning, body) if part)
        more = {"lang": status.get("language"), "uri": status.get("uri"), "content_warning": warning or None}
        answered = status.get("in_reply_to_id")
        if not answered:
            self._kinds.put(number, "post")
            self._roots.put(number, number)
            return self._make.post(item, user, text, version=version, at=at.us, **more)
        self._kinds.put(number, "comment")
        root = self._roots.get(str(answered)) or str(answered)
        self._roots.put(number, root)
        parent = self._item(str(answered))
        return self._make.comment(
            item, self._item(root), user, text, version=version, at=at.us, parent_id=parent, **more
        )

    def _account(self, status: dict[str, Any]) -> str:
        """An account as the whole network knows it: user@server."""
        account = status.get("account")
        name = account.get("acct") if isinstance(account, dict) else None
        if not isinstance(name, str) or not name:
            raise SkippedItem(MALFORMED)
        return name if "@" in name else f"{name}@{self._server}"

    def _deleted(self, number: str) -> list[Event]:
        if not number:
            raise SkippedItem(MALFORMED)
        kind, now, item = self._kinds.get(number), time.time_ns() // 1_000, self._item(number)
        return [self._make.deletion(target, item, version="deleted", at=now) for target in ((kind,) if kind else KINDS)]

"""The platforms that are polled: an Atom feed, Hacker News, Reddit and YouTube, as their descriptions say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape

from tests.simulators.http import Answer, Faults, Item, World, as_json


def iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


@dataclass
class Feed:
    """An Atom feed with tombstones, which answers conditional requests."""

    world: World
    faults: Faults
    not_modified: int = 0

    def is_listing(self, path: str) -> bool:
        return True

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str], items: list[Item]) -> Answer:
        entries = "".join(map(self._entry, self.faults.arrange(items)))
        body = (
            '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0"'
            f' xml:lang="en"><title>News</title>{entries}</feed>'
        ).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
        if headers.get("if-none-match") == etag:
            self.not_modified += 1
            return Answer(b"", 304)
        return Answer(body, 200, (("ETag", etag), ("Content-Type", "application/atom+xml")))

    def _entry(self, item: Item) -> str:
        if item.deleted:
            return f'<at:deleted-entry ref="tag:{item.number}" when="{iso(item.at + 1000)}"/>'
        updated = f"<updated>{iso(item.edited or item.at)}</updated>"
        return (
            f"<entry><id>tag:{item.number}</id><title>{escape(item.text)}</title><author><name>{item.author}</name></author>"
            f"<published>{iso(item.at)}</published>{updated}</entry>"
        )


@dataclass
class HackerNewsApi:
    """Firebase's tree: items by number, the newest number, and what changed."""

    world: World
    faults: Faults

    def is_listing(self, path: str) -> bool:
        return path == "/v0/maxitem.json"

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str], items: list[Item]) -> Answer:
        if path == "/v0/maxitem.json":
            return as_json(len(items))
        if path == "/v0/updates.json":
            changed = [item.number for item in items if item.edited or item.deleted]
            return as_json({"items": self.faults.arrange(changed), "profiles": []})
        number = int(path.removeprefix("/v0/item/").removesuffix(".json"))
        return as_json(self._item(items[number - 1], items) if number <= len(items) else None)

    def _item(self, item: Item, items: list[Item]) -> dict[str, object]:
        base: dict[str, object] = {"id": item.number, "type": "comment" if item.parent else "story", "time": item.at}
        if item.parent:
            base["parent"] = item.parent
        if item.deleted:
            return base | {"deleted": True}
        return base | {"by": item.author, "text" if item.parent else "title": f"<p>{escape(item.text)}</p>"}


@dataclass
class RedditApi:
    """A token, the listings of a subreddit, and items by name."""

    world: World
    faults: Faults
    tokens: int = 0

    def is_listing(self, path: str) -> bool:
        return path == "/r/test/new"

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str], items: list[Item]) -> Answer:
        if path == "/api/v1/access_token":
            if not headers.get("authorization", "").startswith("Basic "):
                return Answer(b'{"error": 401}', 401)
            self.tokens += 1
            return as_json({"access_token": "abc", "token_type": "bearer", "expires_in": 3600})
        if headers.get("authorization") != "Bearer abc":
            return Answer(b'{"error": 401}', 401)
        if path == "/api/info":
            wanted = query["id"].split(",")
            found = [item for item in items if _fullname(item) in wanted]
        else:
            comments = path.endswith("/comments")
            found = [item for item in items if bool(item.parent) == comments and not item.deleted][::-1]
            names = [_fullname(item) for item in found]
            begin = names.index(query["after"]) + 1 if query.get("after") in names else 0
            found = found[begin : begin + int(query["limit"])]
        children = [{"kind": _fullname(i)[:2], "data": self._data(i, items)} for i in self.faults.arrange(found)]
        return as_json({"kind": "Listing", "data": {"children": children}}, ("X-Ratelimit-Remaining", "90.0"))

    def _data(self, item: Item, items: list[Item]) -> dict[str, object]:
        data: dict[str, object] = {"name": _fullname(item), "author": item.author, "created_utc": float(item.at)}
        data["edited"] = float(item.edited) if item.edited else False
        text = "[deleted]" if item.deleted else item.text
        if not item.parent:
            return data | {"title": "" if item.deleted else text, "selftext": text if item.deleted else ""}
        parent = root = items[item.parent - 1]
        while root.parent:
            root = items[root.parent - 1]
        return data | {"body": text, "link_id": _fullname(root), "parent_id": _fullname(parent)}


def _fullname(item: Item) -> str:
    return f"{'t1' if item.parent else 't3'}_{item.number}"


@dataclass
class YouTubeApi:
    """Comment threads of a video, and comments by id. `units`: lists that were asked for."""

    world: World
    faults: Faults
    units: int = 0
    used_up: bool = False
    keys: set[str] = field(default_factory=set)

    def is_listing(self, path: str) -> bool:
        return path.endswith("/commentThreads")

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str], items: list[Item]) -> Answer:
        self.keys.add(headers.get("x-goog-api-key", ""))
        self.units += 1
        here = [item for item in items if not item.deleted]
        if path.endswith("/comments"):
            wanted = query["id"].split(",")
            return as_json({"items": [self._comment(item) for item in here if f"c{item.number}" in wanted]})
        begin, size = int(query.get("pageToken", "0")), int(query["maxResults"])
        threads = [self._thread(item) for item in here[::-1][begin : begin + size]]
        more = {"nextPageToken": str(begin + size)} if begin + size < len(here) else {}
        return as_json({"items": self.faults.arrange(threads), **more})

    def _thread(self, item: Item) -> dict[str, object]:
        return {"id": f"c{item.number}", "snippet": {"topLevelComment": self._comment(item), "totalReplyCount": 0}}

    def _comment(self, item: Item) -> dict[str, object]:
        snippet = {
            "textOriginal": item.text,
            "authorChannelId": {"value": item.author},
            "publishedAt": iso(item.at),
            "updatedAt": iso(item.edited or item.at),
        }
        return {"id": f"c{item.number}", "snippet": snippet}

"""Reddit, through its OAuth API: new posts and comments of subreddits, and what became of the last ones.

Guarantee: every post and comment that the listings show since the last poll (up to a thousand each, Reddit's own
limit); older ones are lost and that is said. The last two thousand items are asked for again in turn, a hundred a poll,
so that an edit or a removal becomes an event.

Terms: an application of one's own (REDDIT_CLIENT_ID, REDDIT_CLIENT_SECRET), a user agent that says who asks, at most
100 requests a minute (the answers' X-Ratelimit headers are obeyed), and what users delete must be deleted here too.

httpx instead of praw: listings, one token and three headers are all that is needed of the API.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from connectors.errors import CredentialsMissing, UsageError
from connectors.event import Event, Events, SkippedItem
from connectors.polling import Seen, digest, polled
from connectors.session import Batch
from connectors.web import Malformed, Stopped, Web

if TYPE_CHECKING:
    from connectors.session import Session

LOGIN = "https://www.reddit.com"
ENDPOINT = "https://oauth.reddit.com"
POLL_S = 10.0
PAGE = 100
MOST_PAGES = 10  # Reddit shows no more than a thousand items of a listing
REMEMBERED = 2_000
GONE = ("[deleted]", "[removed]")


class Reddit:
    """Reads subreddits; `credentials`: id and secret of an application."""

    name = "reddit"

    def __init__(
        self,
        subreddits: Sequence[str],
        endpoint: str | None,
        credentials: tuple[str, str] | None,
        session: Session,
        poll_s: float | None,
    ) -> None:
        if not subreddits:
            raise UsageError("reddit: received no subreddit, expected one or more: moodstream connect reddit python")
        if credentials is None:
            raise CredentialsMissing("reddit needs REDDIT_CLIENT_ID and REDDIT_CLIENT_SECRET in the environment")
        self._path = "/r/" + "+".join(name.removeprefix("r/") for name in subreddits)
        self._credentials, self._session, self._poll_s = credentials, session, poll_s or POLL_S
        self._login, self._web = (Web(self.name, endpoint or address, session) for address in (LOGIN, ENDPOINT))
        self._token, self._until = "", 0.0
        self._make = Events(self.name)
        self._seen = Seen(REMEMBERED)
        self._begun = False
        self._turn = 0  # where among the remembered items the next look goes on

    def batches(self, cursor: Any) -> Iterator[Batch]:
        """Yield new, changed and removed items; `cursor`: item -> its last state."""
        self._seen = Seen(REMEMBERED, cursor)
        self._begun = bool(cursor)
        return polled(self._session, self._poll_s, self._poll)

    def _poll(self) -> Iterator[Batch]:
        again = self._next_turn()
        for listing in ("new", "comments"):
            yield self._batch(self._unseen(f"{self._path}/{listing}"))
        self._begun = True
        if again:
            found = self._listing("/api/info", {"id": ",".join(again)})
            yield self._batch(found)

    def _next_turn(self) -> list[str]:
        """The next hundred remembered items, which are asked for again."""
        names = [name for name, state in self._seen.items.items() if state != "gone"]
        if self._turn >= len(names):
            self._turn = 0
        self._turn += PAGE
        return names[self._turn - PAGE : self._turn]

    def _unseen(self, path: str) -> list[dict[str, Any]]:
        """What a listing shows that was not seen, oldest first."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        for _ in range(MOST_PAGES if self._begun else 1):
            page = self._listing(path, {"limit": str(PAGE), **({"after": after} if after else {})})
            fresh = [item for item in page if str(item.get("name")) not in self._seen]
            found += fresh
            if not fresh or len(page) < PAGE:
                return found[::-1]
            after = str(page[-1].get("name"))
        if self._begun:
            self._session.troubles.add("gaps")
            self._session.tell(f"reddit: {path} had more new items than Reddit shows; poll more often")
        return found[::-1]

    def _listing(self, path: str, params: dict[str, str]) -> list[dict[str, Any]]:
        if time.monotonic() >= self._until:
            self._log_in()
        headers = {"Authorization": f"Bearer {self._token}"}
        response = self._web.get(path, {**params, "raw_json": "1"}, headers)
        self._keep_quota(response.headers)
        try:
            children = response.json()["data"]["children"]
            return [child["data"] for child in children if isinstance(child["data"], dict)]
        except (ValueError, KeyError, TypeError) as error:
            raise Malformed(f"{path}: no listing: {response.content[:80]!r}") from error

    def _log_in(self) -> None:
        answer = self._login.send(
            "POST", "/api/v1/access_token", data={"grant_type": "client_credentials"}, auth=self._credentials
        )
        try:
            body = answer.json()
            self._token, lasts = str(body["access_token"]), float(body["expires_in"])
        except (ValueError, KeyError, TypeError) as error:
            raise Malformed(f"no token: {answer.content[:80]!r}") from error
        self._until = time.monotonic() + lasts * 0.9

    def _keep_quota(self, headers: Any) -> None:
        """Wait for the next period where this one's requests are used up."""
        try:
            left, reset = float(headers["x-ratelimit-remaining"]), float(headers["x-ratelimit-reset"])
        except (KeyError, ValueError):
            return
        if left < 1:
            self._session.troubles.add("throttled")
            self._session.tell(f"reddit: no requests left for {reset:.0f} s")
            if self._session.wait(min(reset, 600.0)):
                raise Stopped

    def _batch(self, items: list[dict[str, Any]]) -> Batch:
        events: list[Event] = []
        skipped: Counter[str] = Counter()
        received = 0
        for item in items:
            try:
                event = self._event(item)
            except SkippedItem as reason:
                skipped[str(reason)] += 1
                received += 1
            else:
                received += event is not None
                events += [event] if event else []
        return Batch(events, dict(self._seen.items), received, skipped)

    def _event(self, item: dict[str, Any]) -> Event | None:
        """The event of an item's present state; None if that state was seen before."""
        name, posted, author = item.get("name"), item.get("created_utc"), item.get("author")
        if not isinstance(name, str) or not isinstance(posted, (int, float)) or not isinstance(author, str):
            raise SkippedItem("malformed")
        comment, now = name.startswith("t1_"), time.time_ns() // 1_000
        body = str(item.get("body" if comment else "selftext") or "")
        gone = body in GONE or bool(item.get("removed_by_category"))
        text = body if comment else f"{item.get('title') or ''}\n{body}".strip()
        state = "gone" if gone else digest(text)
        known = name in self._seen
        if not self._seen.put(name, state):
            return None
        contract_id = self._make.item(name)
        if gone:
            target = "comment" if comment else "post"
            return self._make.deletion(target, contract_id, version="gone", at=now, user=author)
        edited = item.get("edited")
        written = edited if isinstance(edited, (int, float)) and edited else None if known else posted
        at = now if written is None else min(int(written * 1_000_000), now)
        uri = item.get("permalink")
        if not comment:
            return self._make.post(contract_id, author, text, version=state, at=at, uri=uri)
        root, parent = (self._make.item(str(item.get(field))) for field in ("link_id", "parent_id"))
        return self._make.comment(contract_id, root, author, text, version=state, at=at, parent_id=parent, uri=uri)

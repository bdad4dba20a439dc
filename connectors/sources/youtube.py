"""Comments of YouTube videos, through the Data API (version 3).

Guarantee: the newest comments of each video, their edits, and the deletion of every remembered comment (the last five
thousand a video) that the API no longer knows. Each poll asks for one page of new threads, more only while they are
new.

Terms: a key of one's own (YOUTUBE_API_KEY); a list costs one of 10,000 units a day, which is counted and told; data
must be refreshed or deleted within 30 days, so remembered comments are asked for again in turn.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from connectors.errors import CredentialsMissing, SourceRefused, UsageError
from connectors.event import Event, Events, SkippedItem, event_time, microseconds
from connectors.polling import Seen, digest, polled
from connectors.session import Batch
from connectors.web import Malformed, Stopped, Web

if TYPE_CHECKING:
    from connectors.session import Session

ENDPOINT = "https://www.googleapis.com"
POLL_S = 60.0
PAGE = 100
CHECKED = 50  # ids that one request may name
REMEMBERED = 5_000
MOST_PAGES = 20
USED_UP_S = 3_600.0  # seconds to wait when the day's units are used up
TOLD_EVERY = 100  # units


class YouTube:
    """Reads the comments of videos."""

    name = "youtube"

    def __init__(
        self, videos: Sequence[str], endpoint: str | None, key: str | None, session: Session, poll_s: float | None
    ) -> None:
        if not videos:
            raise UsageError("youtube: received no video, expected one or more: moodstream connect youtube VIDEO_ID")
        if not key:
            raise CredentialsMissing("youtube needs YOUTUBE_API_KEY in the environment")
        # In a header: addresses are told and logged.
        self._web = Web(self.name, endpoint or ENDPOINT, session, {"X-Goog-Api-Key": key})
        self._videos, self._session, self._poll_s = videos, session, poll_s or POLL_S
        self._make = Events(self.name)
        self._seen: dict[str, Seen] = {}
        self._turns: Counter[str] = Counter()
        self._units = 0

    def batches(self, cursor: Any) -> Iterator[Batch]:
        """Yield new, changed and deleted comments; `cursor`: video -> comment -> its last state."""
        self._seen = {video: Seen(REMEMBERED, (cursor or {}).get(video)) for video in self._videos}
        return polled(self._session, self._poll_s, self._poll)

    def _poll(self) -> Iterator[Batch]:
        for video in self._videos:
            again = self._next_turn(video)
            yield self._batch(video, self._new(video))
            if again:
                found = self._list("comments", {"part": "snippet", "id": ",".join(again), "maxResults": str(CHECKED)})
                comments = found["items"]
                here = {comment.get("id") for comment in comments}
                yield self._batch(video, comments, [name for name in again if name not in here])

    def _next_turn(self, video: str) -> list[str]:
        names = [name for name, state in self._seen[video].items.items() if state != "gone"]
        if self._turns[video] >= len(names):
            self._turns[video] = 0
        self._turns[video] += CHECKED
        return names[self._turns[video] - CHECKED : self._turns[video]]

    def _new(self, video: str) -> list[dict[str, Any]]:
        """Unseen comments of a video, oldest first; threads come newest first."""
        found: list[dict[str, Any]] = []
        token: str | None = None
        seen = self._seen[video]
        for _ in range(MOST_PAGES):
            params = {"part": "snippet,replies", "videoId": video, "order": "time", "maxResults": str(PAGE)}
            page = self._list("commentThreads", {**params, **({"pageToken": token} if token else {})})
            fresh = [c for thread in page["items"] for c in _comments(thread) if str(c.get("id")) not in seen]
            found += fresh
            token = page.get("nextPageToken")
            if not fresh or not token:
                break
        return found[::-1]

    def _list(self, what: str, params: dict[str, str]) -> dict[str, Any]:
        """One list, which costs a unit; waits where the day's units are used up."""
        while True:
            self._units += 1
            self._session.troubles.add("quota_units")
            if self._units % TOLD_EVERY == 0:
                self._session.tell(f"youtube: {self._units} units used, of 10,000 a day unless Google granted more")
            try:
                answer = self._web.json(f"/youtube/v3/{what}", params)
            except SourceRefused as error:
                if "quota" not in str(error).lower():
                    raise
                self._session.tell("youtube: the day's units are used up; they come back at midnight Pacific time")
                if self._session.wait(USED_UP_S):
                    raise Stopped from error
                continue
            if not isinstance(answer, dict) or not isinstance(answer.get("items"), list):
                raise Malformed(f"{what}: no list: {str(answer)[:80]}")
            return answer

    def _batch(self, video: str, comments: list[dict[str, Any]], gone: Sequence[str] = ()) -> Batch:
        events: list[Event] = []
        skipped: Counter[str] = Counter()
        received = len(gone)
        now = time.time_ns() // 1_000
        for comment in comments:
            try:
                event = self._event(video, comment, now)
            except SkippedItem as reason:
                skipped[str(reason)] += 1
                received += 1
            else:
                received += event is not None
                events += [event] if event else []
        for name in gone:
            self._seen[video].put(name, "gone")
            events.append(self._make.deletion("comment", self._make.item(name), version="gone", at=now))
        cursor = {name: dict(seen.items) for name, seen in self._seen.items()}
        return Batch(events, cursor, received, skipped)

    def _event(self, video: str, comment: Any, now: int) -> Event | None:
        name = comment.get("id") if isinstance(comment, dict) else None
        snippet = comment.get("snippet") if isinstance(comment, dict) else None
        if not isinstance(name, str) or not isinstance(snippet, dict):
            raise SkippedItem("malformed")
        text = str(snippet.get("textOriginal") or snippet.get("textDisplay") or "")
        channel = snippet.get("authorChannelId")
        user = channel.get("value") if isinstance(channel, dict) else snippet.get("authorDisplayName")
        if not isinstance(user, str) or not user:
            raise SkippedItem("malformed")
        state = digest(text)
        known = name in self._seen[video]
        if not self._seen[video].put(name, state):
            return None
        published, updated = snippet.get("publishedAt"), snippet.get("updatedAt")
        at = event_time(updated or published, now).us
        if known and at <= (microseconds(published) or 0):
            at = now
        parent = snippet.get("parentId")
        return self._make.comment(
            self._make.item(name), self._make.item(f"video/{video}"), user, text, version=state, at=at,
            parent_id=self._make.item(parent) if isinstance(parent, str) else None, video_id=video,
        )  # fmt: skip


def _comments(thread: Any) -> list[dict[str, Any]]:
    """A thread's comments, newest first: the replies that came along, then the first one."""
    if not isinstance(thread, dict):
        return []
    snippet, replies = thread.get("snippet"), thread.get("replies")
    top = snippet.get("topLevelComment") if isinstance(snippet, dict) else None
    answers = replies.get("comments") if isinstance(replies, dict) else None
    return [c for c in [*(answers if isinstance(answers, list) else []), top] if isinstance(c, dict)]

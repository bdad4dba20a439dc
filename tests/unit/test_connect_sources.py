"""The sources over HTTP: five faults each, and nothing is lost or doubled by the simulators' ledgers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from connectors.backoff import Backoff
from connectors.errors import CredentialsMissing, SourceUnreachable, UsageError
from connectors.session import Session, Source
from connectors.sources.hackernews import HackerNews
from connectors.sources.mastodon import Mastodon
from connectors.sources.reddit import Reddit
from connectors.sources.rss import Rss
from connectors.sources.youtube import YouTube
from tests.connecting import MemoryPlace, Read, a_session, read
from tests.simulators import mastodon
from tests.simulators.http import Faults, World, serving
from tests.simulators.platforms import Feed, HackerNewsApi, RedditApi, YouTubeApi

POLL_S = 0.01
Open = Callable[[str, Session], Source]
POLLED: dict[str, tuple[Any, Open]] = {
    "rss": (Feed, lambda url, session: Rss([f"{url}/feed"], None, session, POLL_S)),
    "hackernews": (HackerNewsApi, lambda url, session: HackerNews(url, session, POLL_S)),
    "reddit": (RedditApi, lambda url, session: Reddit(["test"], url, ("id", "secret"), session, POLL_S)),
    "youtube": (YouTubeApi, lambda url, session: YouTube(["v"], url, "key", session, POLL_S)),
}
FAULTS = {
    "none": Faults(),
    "drop": Faults(drop=7),
    "rewind": Faults(rewind=4),
    "disorder": Faults(disorder=True),
    "malformed": Faults(malformed=5),
    "429": Faults(too_many=5),
}


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(backoff: Backoff) -> float:
        backoff.failures += 1
        return 0.02

    monkeypatch.setattr(Backoff, "failed", failed)


def _promised(answers: bool) -> int:
    world = World(answers=answers)
    while not world.complete:
        world.step()
    return world.promised


PROMISED = {answers: _promised(answers) for answers in (True, False)}


def difference(found: Read, world: World) -> tuple[Counter[str], Counter[str], int]:
    """Texts, and deletions by the text they take back, that are too many or too few; and ids that came twice."""
    texts: Counter[str] = Counter()
    first: dict[str, str] = {}
    deleted: Counter[str] = Counter()
    for event in found.events:
        payload = event["payload"]
        if event["event_type"] == "deletion":
            deleted[first.get(payload["target_id"], "unknown")] += 1
        else:
            texts[payload["text"]] += 1
            first.setdefault(payload.get("comment_id") or payload["post_id"], payload["text"])
    ids = [event["event_id"] for event in found.events]
    expected, gone = Counter(world.texts), Counter(world.deleted)
    return (texts - expected) + (expected - texts), (deleted - gone) + (gone - deleted), len(ids) - len(set(ids))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", POLLED)
def test_nothing_is_lost_or_doubled_whatever_the_server_does(name: str, fault: str) -> None:
    platform, source = POLLED[name]
    world = World(answers=name != "rss" and name != "youtube")
    api = platform(world, FAULTS[fault])
    session, said = a_session()
    with serving(api) as url:
        found = read(source(url, session), session, said, expected=PROMISED[world.answers], quiet=30)
    assert world.complete
    assert difference(found, world) == (Counter(), Counter(), 0), found.counts
    if fault == "429":
        assert found.counts["throttled"] > 0
    if fault == "drop":
        assert found.counts["reconnects"] > 0
    if fault == "malformed":
        assert any("malformed" in line or "no feed" in line or "no JSON" in line for line in said)


@pytest.mark.parametrize("fault", FAULTS)
def test_mastodon_loses_and_doubles_nothing_whatever_the_server_does(fault: str) -> None:
    world = World()
    server = mastodon.Server(world, FAULTS[fault])
    session, said = a_session()
    with mastodon.serving(server) as url:
        found = read(Mastodon((), url, None, session), session, said, expected=PROMISED[True], quiet=3)
    assert difference(found, world) == (Counter(), Counter(), 0), found.counts
    if fault == "drop":
        assert server.connections > 3
        assert found.counts["reconnects"] == server.connections - 1
    if fault == "429":
        assert found.counts["throttled"] == 5


def test_a_feed_that_did_not_change_is_not_sent_again() -> None:
    api = Feed(World(answers=False), Faults())
    session, said = a_session()
    with serving(api) as url:
        read(POLLED["rss"][1](url, session), session, said, expected=PROMISED[False], quiet=30)
    assert api.not_modified >= 20


@pytest.mark.parametrize("name", POLLED)
def test_a_restart_delivers_nothing_that_was_delivered(name: str) -> None:
    platform, source = POLLED[name]
    world, place = World(answers=False), MemoryPlace()
    with serving(platform(world, Faults())) as url:
        session, said = a_session()
        first = read(source(url, session), session, said, expected=20, place=place, quiet=0)
        session, said = a_session()
        second = read(source(url, session), session, said, expected=PROMISED[False] - len(first.events), place=place,
                      quiet=30)  # fmt: skip
    found = Read(first.events + second.events, {}, [])
    assert difference(found, world) == (Counter(), Counter(), 0)


def test_edits_come_later_than_what_they_change() -> None:
    for name, (platform, source) in POLLED.items():
        world = World(answers=False)
        session, said = a_session()
        with serving(platform(world, Faults())) as url:
            found = read(source(url, session), session, said, expected=PROMISED[False], quiet=30)
        at = {event["payload"]["text"]: event["event_time"] for event in found.events if "text" in event["payload"]}
        edits = [text for text in at if text.endswith(", edited")]
        assert edits, name
        assert all(at[text] > at[text.removesuffix(", edited")] for text in edits), name


def test_comments_belong_to_the_post_at_the_root_of_their_thread() -> None:
    for name in ("hackernews", "reddit"):
        platform, source = POLLED[name]
        world = World()
        session, said = a_session()
        with serving(platform(world, Faults())) as url:
            found = read(source(url, session), session, said, expected=PROMISED[True], quiet=30)
        posts = {post["post_id"] for post in found.of_type("post")}
        comments = found.of_type("comment")
        assert comments, name
        assert all(comment["post_id"] in posts for comment in comments), name


def test_credentials_and_addresses_that_are_missing_are_one_clear_line() -> None:
    session, _ = a_session()
    with pytest.raises(CredentialsMissing, match="REDDIT_CLIENT_ID and REDDIT_CLIENT_SECRET"):
        Reddit(["python"], None, None, session, None)
    with pytest.raises(CredentialsMissing, match="YOUTUBE_API_KEY"):
        YouTube(["v"], None, None, session, None)
    with pytest.raises(UsageError, match="received no feed"):
        Rss([], None, session, None)
    with pytest.raises(UsageError, match="expected an address"):
        HackerNews("ws://example.org", session, None)
    with pytest.raises(SourceUnreachable, match="cannot reach"):
        next(HackerNews("http://127.0.0.1:9", session, POLL_S).batches(None))

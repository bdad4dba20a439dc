"""Bluesky: what each frame becomes, and that faults of an instance neither lose nor double anything."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from connectors.errors import SourceRefused, SourceUnreachable, UsageError
from connectors.event import SkippedItem
from connectors.sources.bluesky import Bluesky
from connectors.sources.bluesky_frames import Frames
from tests.connecting import Difference, MemoryPlace, a_session, compare, read
from tests.simulators.bluesky import LIKE, POST, PROFILE, REPOST, Faults, Network, jetstream

AUTHOR, READER = "did:plc:author", "did:plc:reader"
NOTHING = Difference(lost=0, doubled=0, foreign=0)


def events(network: Network) -> list[dict[str, Any]]:
    frames = Frames()
    return [json.loads(e.data) for frame in network.frames for e in frames.events(frame, Counter())]


def reason(frame: Any) -> str:
    with pytest.raises(SkippedItem) as refused:
        Frames().events(frame, Counter())
    return str(refused.value)


def test_a_post_becomes_a_post_with_its_language_and_its_time() -> None:
    network = Network()
    uri = network.post(AUTHOR, "Good morning", createdAt="2026-09-21T10:00:00.123Z", langs=["pt-BR", "en"])
    (event,) = events(network)
    assert (event["event_type"], event["schema_version"], event["source"]) == ("post", 2, "bluesky")
    assert event["event_time"] == "2026-09-21T10:00:00.123Z"
    payload = event["payload"]
    assert (payload["user_id"], payload["text"], payload["lang"]) == (AUTHOR, "Good morning", "pt-BR")
    assert payload["uri"] == uri


def test_a_reply_becomes_a_comment_on_the_post_that_began_the_thread() -> None:
    network = Network()
    root = network.post(AUTHOR, "Question?")
    answer = network.post(READER, "Answer.", reply={"root": {"uri": root}, "parent": {"uri": root}})
    network.post(AUTHOR, "Thanks.", reply={"root": {"uri": root}, "parent": {"uri": answer}})
    post, first, second = (event["payload"] for event in events(network))
    assert first["post_id"] == second["post_id"] == post["post_id"]
    assert second["parent_id"] == first["comment_id"]


def test_likes_and_reposts_become_interactions_with_the_author_of_what_they_are_about() -> None:
    network = Network()
    uri = network.post(AUTHOR, "Like me")
    network.like(READER, uri)
    network.like(READER, uri, REPOST)
    post, like, share = (event["payload"] for event in events(network))
    assert (like["user1_id"], like["user2_id"], like["action"]) == (READER, AUTHOR, "like")
    assert share["action"] == "share"
    assert like["post_id"] == share["post_id"] == post["post_id"]


def test_a_profile_becomes_a_user_without_age_and_place() -> None:
    network = Network()
    network.commit(AUTHOR, "create", PROFILE, "self", {"displayName": "Ada"})
    (event,) = events(network)
    assert event["payload"] == {"user_id": AUTHOR, "user_name": "Ada"}


def test_deletes_name_what_was_written_before_and_an_unknown_one_is_both_post_and_reply() -> None:
    network = Network()
    post = network.post(AUTHOR, "Oops")
    reply = network.post(READER, "Ha", reply={"root": {"uri": post}, "parent": {"uri": post}})
    like = network.like(READER, post)
    for uri in (post, reply, like, f"at://{AUTHOR}/{POST}/long-ago"):
        network.delete(uri)
    found = events(network)
    deletions = [event["payload"] for event in found if event["event_type"] == "deletion"]
    assert [deletion["target_type"] for deletion in deletions] == ["post", "comment", "interaction", "post", "comment"]
    ids = [found[0]["payload"]["post_id"], found[1]["payload"]["comment_id"], found[2]["payload"]["interaction_id"]]
    assert [deletion["target_id"] for deletion in deletions[:3]] == ids


def test_an_account_that_is_gone_deletes_the_user_and_one_that_rests_does_not() -> None:
    gone = {"did": AUTHOR, "time_us": 1_790_000_000_000_000, "kind": "account",
            "account": {"active": False, "did": AUTHOR, "seq": 7, "status": "deleted"}}  # fmt: skip
    (event,) = Frames().events(gone, Counter())
    assert json.loads(event.data)["payload"] == {"target_type": "user", "target_id": AUTHOR}
    resting = gone | {"account": {"active": False, "did": AUTHOR, "status": "deactivated"}}
    assert reason(resting) == "account_deactivated"


def test_an_edit_has_the_same_id_and_a_later_time() -> None:
    network = Network()
    network.post(AUTHOR, "Teh text", rkey="a")
    network.commit(AUTHOR, "update", POST, "a", {"text": "The text", "createdAt": "2026-09-21T10:00:00Z"})
    first, second = events(network)
    assert second["payload"]["post_id"] == first["payload"]["post_id"]
    assert second["event_id"] != first["event_id"]
    assert second["event_time"] > first["event_time"]


def test_an_edit_that_leaves_no_text_takes_the_post_back() -> None:
    network = Network()
    network.post(AUTHOR, "Something", rkey="a")
    network.commit(AUTHOR, "update", POST, "a", {"text": " "})
    assert [event["event_type"] for event in events(network)] == ["post", "deletion"]


@pytest.mark.parametrize("nonsense", ["2199-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "yesterday", 7])
def test_a_clock_that_is_wrong_gives_way_to_that_of_the_instance(nonsense: object) -> None:
    network = Network()
    network.post(AUTHOR, "When?", createdAt=nonsense)
    corrected: Counter[str] = Counter()
    (event,) = Frames().events(network.frames[0], corrected)
    assert event.at_us == network.frames[0]["time_us"]
    assert corrected["event_time"] == 1


def test_what_no_event_comes_of_is_skipped_with_a_reason() -> None:
    base = {"did": AUTHOR, "time_us": 1_790_000_000_000_000}
    commit = {"operation": "create", "collection": POST, "rkey": "a"}
    assert reason(base | {"kind": "identity", "identity": {}}) == "identity"
    assert reason(base | {"kind": "sync"}) == "unknown_kind"
    assert (
        reason(base | {"kind": "commit", "commit": commit | {"collection": "app.bsky.graph.follow"}})
        == "other_collection"
    )
    assert reason(base | {"kind": "commit", "commit": commit | {"record": {"text": "  "}}}) == "empty_text"
    feed = {"subject": {"uri": f"at://{AUTHOR}/app.bsky.feed.generator/x"}}
    assert reason(base | {"kind": "commit", "commit": commit | {"collection": LIKE, "record": feed}}) == "other_subject"
    for broken in (None, [], {}, base, base | {"kind": "commit", "commit": commit}, {**base, "time_us": True}):
        assert reason(broken) in ("malformed", "unknown_kind")


@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(drop_every=150),
        Faults(rewind_at=600),
        Faults(reorder=20),
        Faults(duplicate_every=3),
        Faults(malformed_every=10),
        Faults(slow_s=0.05),
        Faults(refuse=3),
    ],
    ids=["none", "drop", "rewind", "reorder", "duplicate", "malformed", "slow", "429"],
)
def test_nothing_is_lost_or_doubled_whatever_the_instance_does(faults: Faults) -> None:
    network = Network()
    network.crowd(1_000)
    promised = network.promised()
    session, said = a_session()
    with jetstream(network, faults) as (url, instance):
        result = read(Bluesky(url, session), session, said, expected=promised.total())
    assert compare(result.events, promised) == NOTHING
    if faults.drop_every:
        assert result.counts["reconnects"] >= 5
        assert all("cursor" in asked for asked in instance.subscriptions[1:])
    if faults.refuse:
        assert result.counts["throttled"] == 3
    if faults.rewind_at or faults.duplicate_every:
        assert result.counts["skipped"]["repeated"] > 300
    if faults.malformed_every:
        assert result.counts["skipped"]["malformed"] == 100


def test_a_restart_goes_on_a_little_before_the_cursor_and_repeats_have_the_same_ids() -> None:
    network = Network()
    network.crowd(400)
    place = MemoryPlace()
    with jetstream(network) as (url, instance):
        session, said = a_session()
        first = read(Bluesky(url, session), session, said, expected=0, place=place, limit=250)
        session, said = a_session()
        second = read(Bluesky(url, session), session, said, expected=150, place=place)
    assert len(first.events) == 250
    assert compare(first.events + second.events, network.promised()).lost == 0
    # A delete whose create the second run has not seen names a post and a reply, so deletions may be more.
    both = {event["event_id"] for event in first.events + second.events if event["event_type"] != "deletion"}
    promised = [promise for promise in network.promised().elements() if promise.event_type != "deletion"]
    assert len(both) == len(promised)
    if place.document and "cursor" in instance.subscriptions[-1]:
        assert int(instance.subscriptions[-1]["cursor"][0]) < json.loads(place.document)["cursor"]


def test_a_cursor_that_the_instance_no_longer_holds_is_said() -> None:
    network = Network()
    network.post(AUTHOR, "Much later")
    place = MemoryPlace()
    place.document = json.dumps({"source": "bluesky", "cursor": network.now_us - 3_600_000_000}).encode()
    session, said = a_session()
    with jetstream(network) as (url, _):
        result = read(Bluesky(url, session), session, said, expected=1, place=place)
    assert result.counts["gaps"] == 1
    assert any("too old" in line for line in said)


def test_a_time_in_the_future_does_not_move_the_cursor() -> None:
    network = Network()
    network.post(AUTHOR, "Now")
    before = network.now_us
    network.now_us = 9_999_999_999_999_999
    network.post(AUTHOR, "From 2286", createdAt="2026-09-21T10:00:00Z")
    place = MemoryPlace()
    session, said = a_session()
    with jetstream(network) as (url, _):
        result = read(Bluesky(url, session), session, said, expected=2, place=place)
    assert place.document is not None
    assert json.loads(place.document)["cursor"] == before
    assert result.counts["corrected"]["server_time"] == 1


def test_what_cannot_be_an_instance_is_refused_with_a_reason() -> None:
    session, _ = a_session()
    with pytest.raises(UsageError, match="expected a WebSocket address"):
        Bluesky("ftp://example.org", session)
    with pytest.raises(SourceUnreachable, match="cannot reach"):
        next(Bluesky("ws://127.0.0.1:9", session).batches(None))
    with jetstream(Network()) as (url, _), pytest.raises(SourceRefused, match="answers 404"):
        next(Bluesky(f"{url}/elsewhere", session).batches(None))

"""A file of one's own: delimiters, quoting, encodings and times as people have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.errors import UsageError
from connectors.sources.file import File
from connectors.times import Times
from tests.connecting import MemoryPlace, Read, a_session, read


def result(path: Path, place: MemoryPlace | None = None, encoding: str | None = None, **mapping: str) -> Read:
    session, said = a_session()
    return read(File([str(path)], None, mapping, encoding, session), session, said, expected=10**9, place=place)


def test_csv_with_a_mapping_becomes_posts(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text('author;created;body\nanna;31.12.2025 18:04;"Really ""great"";\nsecond line"\nbob;01.02.2026;Bad\n')
    found = result(path, text="body", user_id="author", event_time="created")
    first, second = found.of_type("post")
    assert (first["user_id"], first["text"]) == ("anna", 'Really "great";\nsecond line')
    assert second["user_id"] == "bob"
    assert [event["event_time"] for event in found.events] == ["2025-12-31T18:04:00.000Z", "2026-02-01T00:00:00.000Z"]


def test_json_lines_are_read_into_nested_objects(tmp_path: Path) -> None:
    path = tmp_path / "tweets.jsonl"
    lines = [{"id": 5, "user": {"name": "cleo"}, "text": "Nice", "parent": 4, "created_at": 1_700_000_000}, {"text": 7}]
    path.write_text("\n".join(map(json.dumps, lines)) + "\nnot json\n")
    found = result(path, user_id="user.name", post_id="parent")
    (comment,) = found.of_type("comment")
    assert (comment["user_id"], comment["source_id"]) == ("cleo", "5")
    assert found.events[0]["event_time"] == "2023-11-14T22:13:20.000Z"
    assert found.counts["skipped"] == {"malformed": 1}


def test_columns_are_recognised_by_their_names_and_a_text_must_be_among_them(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("User,Comment\nann,Fine\n")
    assert result(path).of_type("post")[0]["user_id"] == "ann"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"which column is the text.*a, b.*--map text=COLUMN"):
        result(path)
    with pytest.raises(UsageError, match="--map text=c: no such column; the file has a, b"):
        result(path, text="c")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_the_encoding_is_found_out(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes("text,user\nDas ist schön – wirklich,jörg\n".encode(encoding))
    (post,) = result(path).of_type("post")
    assert (post["text"], post["user_id"]) == ("Das ist schön – wirklich", "jörg")


def test_rows_without_text_and_broken_times_are_counted_and_nothing_else_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("text,author,date\n,ann,2026-01-01\nfine,,tomorrow\nfine,bob,2026-01-01\nfine,bob,2026-01-01\n")
    found = result(path)
    assert len({event["event_id"] for event in found.events}) == 3  # equal rows are two posts
    assert found.counts["skipped"] == {"empty_text": 1}
    assert found.counts["corrected"] == {"event_time": 1, "user_id": 1}


def test_a_file_that_grew_is_read_on_from_where_it_ended(tmp_path: Path) -> None:
    path, place = tmp_path / "some.csv", MemoryPlace()
    path.write_text("text\none\ntwo\n")
    assert [post["text"] for post in result(path, place).of_type("post")] == ["one", "two"]
    path.write_text("text\none\ntwo\nthree\n")
    assert [post["text"] for post in result(path, place).of_type("post")] == ["three"]


def test_the_same_file_gives_the_same_events_and_a_changed_text_is_an_edit(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("id,text,date\n1,one,2026-01-01\n")
    first, again = result(path).events, result(path).events
    assert first == again
    path.write_text("id,text,date\n1,One!,2026-01-02\n")
    (edit,) = result(path).events
    assert edit["payload"]["post_id"] == first[0]["payload"]["post_id"]
    assert edit["event_id"] != first[0]["event_id"]


def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*missing.csv': No such file"):
        result(tmp_path / "missing.csv")
    (tmp_path / "empty.csv").write_text("\n")
    with pytest.raises(UsageError, match="is empty"):
        result(tmp_path / "empty.csv")
    (tmp_path / "a.csv").write_text("text\nx\n")
    with pytest.raises(UsageError, match="--encoding: received 'klingon'"):
        result(tmp_path / "a.csv", encoding="klingon")


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-03-04T05:06:07+02:00", "2026-03-04T03:06:07"),
        ("2026-03-04 05:06", "2026-03-04T05:06:00"),
        ("20260304", "2026-03-04T00:00:00"),
        ("1772600767", "2026-03-04T05:06:07"),
        ("1772600767000", "2026-03-04T05:06:07"),
        ("1772600767000000", "2026-03-04T05:06:07"),
        ("4.3.2026 05:06", "2026-03-04T05:06:00"),
        ("3/4/2026 5:06 PM", "2026-03-04T17:06:00"),
        ("Wed Mar 04 05:06:07 +0000 2026", "2026-03-04T05:06:07"),
        ("Wed, 04 Mar 2026 05:06:07 GMT", "2026-03-04T05:06:07"),
        ("soon", None),
        ("", None),
    ],
)
def test_times_are_read_as_people_write_them(text: str, iso: str | None) -> None:
    from connectors.event import microseconds

    assert Times().us(text) == (microseconds(iso) if iso else None)


def test_one_date_that_cannot_be_month_first_decides_for_all() -> None:
    times = Times(["03/04/2026", "13/04/2026"])
    assert times.us("03/04/2026") == Times().us("2026-04-03")
    assert not times.ambiguous
    assert Times(["03/04/2026"]).ambiguous

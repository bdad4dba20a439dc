"""Values for the fields of an event, as strategies of Hypothesis: at, just below and just beyond every bound.

The bounds are written down here once more, as the contract's page states them (docs/architecture.md): a search that
imported them from the job would move with them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

MICROSECOND = timedelta(microseconds=1)
MAX_AHEAD, MAX_AGE, LATE = timedelta(hours=24), timedelta(days=30 * 365), timedelta(minutes=10)
MAX_TEXT = 10_000

# Characters that some layer treats in its own way: white space, marks, letters whose case is irregular, what Unicode
# leaves unassigned, what SQL, CSV, JSON and regular expressions give a meaning to.
CHARACTERS = (
    *("a", "Z", "é", "e\u0301", "İ", "ı", "Σ", "ς", "ß", "ẞ", "ﬁ", "ǅ", "Ა", "𐐀", "\U0001e900", "क्षि", "ก็", "日", "ـ"),
    *(
        "😀",
        "👩‍👩‍👧",
        "🇫🇷",
        "\U0010ffff",
        "\ufffe",
        "\ufdd0",
        "\ufeff",
        "\u200b",
        "\u200d",
        "\u202e",
        "\u0345",
        "\u20dd",
    ),
    *(" ", "\t", "\n", "\r\n", "\x0b", "\x1c", "\x7f", "\x85", "\u00a0", "\u2028", "\u3000", "\0", "\x01"),
    *("#", "&", "@", "_", "'", '"', "\\", "\\.", "`", "$", "%", "{", "}", ";", "--", "/*", ",", "|", "\\N", "\\u0000"),
    *("1", "٣", "²", "Ⅷ", "½", "𝟙"),
)
NO_STRING: tuple[Any, ...] = (None, 0, -0.0, 5, 2**63, 1.5, True, [], ["x"], {}, {"id": "x"})
# Ids that are easily taken for each other: by case, white space, normalisation, or by what NUL ends.
LOOKALIKES = (
    "u",
    "U",
    "u ",
    "u  ",
    " u",
    "u\t",
    "u\u00a0",
    "u\u200b",
    "é",
    "e\u0301",
    "ﬁ",
    "fi",
    "null",
    "unknown",
    "u1",
)
UNITS = ("x", "é", "€", "😀", "e\u0301", "\\", '"', "'", " ", "\ufeff")
WORDS = (
    "rain",
    "Sunny",
    "the",
    "ΟΔΟΣ",
    "İSTANBUL",
    "straße",
    "ДОБРЫЙ",
    "नमस्ते",
    "สวัสดี",
    "日本",
    "naïve",
    "a",
    "http://x.y/#z",
    "@u",
)
ZONES = (UTC, *(timezone(timedelta(minutes=minutes)) for minutes in (330, -570, 840, -1439, 1439)))


def repeated(units: tuple[str, ...], lengths: tuple[int, ...]) -> st.SearchStrategy[str]:
    """Strings of exactly one of `lengths` characters, all of one unit."""
    return st.builds(lambda unit, length: (unit * length)[:length], st.sampled_from(units), st.sampled_from(lengths))


def strings() -> st.SearchStrategy[str]:
    """Short strings of unusual characters."""
    return st.lists(st.sampled_from(CHARACTERS) | st.characters(exclude_categories=["Cs"]), max_size=6).map("".join)


def ids() -> st.SearchStrategy[Any]:
    """Ids around 256 characters and 512 bytes, ids that look alike, and some that are none."""
    alike = st.sampled_from(LOOKALIKES)
    numbered = st.builds("{}{}".format, st.integers(0, 50), st.sampled_from(("", " ", "A", "a")))
    bounded = repeated(UNITS, (1, 128, 129, 170, 171, 255, 256, 257))
    broken = st.sampled_from((*NO_STRING, "", "x" * 3_000, "u\0"))
    return st.one_of(alike, alike, numbered, numbered, bounded, bounded, strings().filter(bool), broken)


def names() -> st.SearchStrategy[Any]:
    """Names and places around 256 characters."""
    plain = st.sampled_from(("Oslo", " Oslo ", "oslo", "", " ", "unknown", "\u2003"))
    return st.one_of(plain, plain, strings(), strings(), repeated(UNITS, (255, 256, 257)), st.sampled_from(NO_STRING))


def short_codes() -> st.SearchStrategy[Any]:
    """Sources and languages around 64 characters."""
    codes: st.SearchStrategy[Any] = st.sampled_from(("en", "de-CH", "EN ", "zz", "", "bluesky", "\0", None, 5, []))
    return st.one_of(codes, repeated(UNITS, (63, 64, 65)), strings())


def ages() -> st.SearchStrategy[Any]:
    """Ages at the ends of the bands and of 32 bits."""
    return st.sampled_from(
        (0, 17, 18, 24, 25, 64, 65, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**64, 33.0, "33", None)
    )


def versions() -> st.SearchStrategy[Any]:
    """Schema versions, mostly 1 and 2."""
    return st.sampled_from((1, 1, 1, 2, 2, 2, 3, 2**31 - 1, 2**31, 0, -1, 1.0, "1", True, None))


def texts() -> st.SearchStrategy[Any]:
    """Texts around 10,000 characters, of one kind or of words, hashtags and unusual characters."""
    written = st.lists(st.sampled_from(WORDS) | hashtags() | strings(), min_size=1, max_size=12).map(" ".join)
    long = repeated((*UNITS, "a.", "#a ", "ab ", "\u0301", "\n"), (MAX_TEXT - 1, MAX_TEXT, MAX_TEXT + 1))
    return st.one_of(
        written, written, written, long, st.sampled_from(("", " ", "\u2003\n", "\u200b", "\0", *NO_STRING))
    )


def hashtags() -> st.SearchStrategy[str]:
    """Hashtags around 100 characters, in lower and upper case, with and without a letter."""
    return st.one_of(
        st.builds("{}#{}{}".format, st.sampled_from(("", "x", "&", "#")), strings(), st.sampled_from(WORDS)),
        repeated(("x", "É", "İ", "😀", "1", "日"), (99, 100, 101)).map("#{}".format),
    )


def times(arrival: datetime) -> st.SearchStrategy[Any]:
    """Event times around every limit that the arrival sets, in the spellings of ISO 8601; and what is no time."""
    limits = (timedelta(0), MAX_AHEAD, -MAX_AGE, -LATE, -timedelta(hours=1), arrival.replace(microsecond=0) - arrival)
    aways = st.sampled_from((timedelta(0), MICROSECOND, -MICROSECOND, timedelta(milliseconds=1), timedelta(seconds=-3)))
    sound = st.builds(
        lambda limit, away, zone, form: form((arrival + limit + away).astimezone(zone)),
        st.sampled_from((timedelta(0), timedelta(0), *limits)), aways, st.sampled_from(ZONES), st.sampled_from(FORMS),
    )  # fmt: skip
    return st.one_of(sound, sound, sound, st.sampled_from(NO_TIMES))


def _zulu(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


FORMS = (
    datetime.isoformat,
    _zulu,
    lambda time: _zulu(time).lower(),
    lambda time: time.isoformat(" "),
    lambda time: time.isoformat(timespec="milliseconds"),
    lambda time: time.strftime("%Y%m%dT%H%M%S.%f%z"),
    lambda time: time.isoformat(timespec="microseconds").replace("+", "999+", 1),
    lambda time: time.isoformat().replace(".", ","),
)
NO_TIMES: tuple[Any, ...] = (
    *(
        "",
        " ",
        "now",
        "2026",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00",
    ),
    *(
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00+00:01",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ),
    *(
        "2026-W01-4T00:00:00Z",
        "2026-001T00:00:00Z",
        "2026-01-01T00:00:00+24:00",
        "٢٠٢٦-01-01T00:00:00Z",
        "Z",
        "z",
        "\0",
    ),
    *(1_767_268_800, None, [], 1e308, "+292278994-08-17T07:12:55Z", "2026-01-01T00:00:00.Z", "2026-01-01T00Z"),
)

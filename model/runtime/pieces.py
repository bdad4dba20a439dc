"""The pieces of a chunk: addresses, faces, numbers, words, marks."""

from __future__ import annotations

import re
from collections.abc import Iterable


def _alternatives(faces: Iterable[str]) -> str:
    """One of the faces, the longest that fits: grouped by how they begin, since most pieces begin like none of them."""
    by_first: dict[str, list[str]] = {}
    for face in faces:
        by_first.setdefault(face[0], []).append(re.escape(face[1:]))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in by_first.items()) or "(?!)"


def pattern(valence: Iterable[str]) -> re.Pattern[str]:
    """One pass over a chunk; words come before emoticons only where an emoticon could not start."""
    faces = [face for face in valence if len(face) > 1 and not face.isalnum() and not re.search("[a-z]{2}", face)]
    faces.sort(key=lambda face: (-len(face), face))
    alternatives = {
        "address": r"https?:\S*|www\.\S+",
        "mention": r"@\w+",
        "emoticon": f"(?:{_alternatives(faces)})(?!\\w)",
        "hashtag": r"#\w+",
        "number": r"[$£€]?\d[\d.,:/]*(?:%|st|nd|rd|th|am|pm|k|s|m|x)?\b",
        "word": r"[^\W\d_]+(?:'[^\W\d_]+)*,?",
        "bang": r"!+[!?1]*",
        "question": r"\?[!?]*",
        "dots": r"\.\.+|…",
        "stop": r"[.;:]",
        "quote": r"[\"“”]",
        "emoji": "[\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]",
    }
    return re.compile("|".join(f"(?P<{name}>{body})" for name, body in alternatives.items()))

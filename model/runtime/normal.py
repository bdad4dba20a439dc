"""One way to write what people write in several: letters, apostrophes, joiners, markup."""

from __future__ import annotations

import html
import re
import unicodedata

# Used for an apostrophe: acute and grave accents, curly quotes, modifier letters, primes, the full-width one.
_APOSTROPHES = dict.fromkeys(map(ord, "`´‘’‛ʹʻʼʽˈ′＇"), "'")
# Joiners, variation selectors, marks of direction and of trade, soft hyphens, skin tones: they change how a thing
# looks, not what it is.
_NOTHING = dict.fromkeys(
    [
        *(0xA9, 0xAD, 0xAE, 0x2122, 0x34F, 0x180E, 0xFEFF),
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2065),
        *range(0xFE00, 0xFE10),
        *range(0x1F3FB, 0x1F400),
        *range(0xE0020, 0xE0080),
    ]
)
_TABLE: dict[int, str | None] = {**_APOSTROPHES, **_NOTHING}
# Cyrillic and Greek letters that look like Latin ones, where they stand among Latin letters.
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝАВЕКМНОРСТХІЈЅαοενικρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijsdhqwABEKMHOPCTXIJSaoevikptuxABEZHIKMNOPTYX",
)
_LATIN = re.compile("[A-Za-z]")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}/?>")


def normal(chunk: str) -> str:
    """A run of non-blanks as the lexer reads it: HTML resolved, compatible letters and apostrophes unified.

    Combining marks that no letter absorbs are left out, and so is what cannot be seen.
    """
    if "&" in chunk:
        chunk = html.unescape(chunk)
    if "<" in chunk:
        chunk = _TAG.sub(" ", chunk).strip()
    if chunk.isascii():
        return chunk.replace("`", "'")
    chunk = unicodedata.normalize("NFKC", chunk.translate(_TABLE)).translate(_TABLE)
    if not chunk.isascii() and _LATIN.search(chunk):
        chunk = chunk.translate(_LOOKALIKES)
    return "".join(char for char in chunk if not unicodedata.combining(char) or char.isalpha())

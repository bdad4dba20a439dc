"""Texts in lower case, as gold counts their hashtags and terms: the same in every release, so that a correction finds
what was counted.

Earlier releases counted in Java 17, which knows the letters of Unicode 13 and ends words by rules of its own; so a
letter of a later version is none, and the end of a word, where Σ becomes ς, is told by a rule of our own.
"""

from __future__ import annotations

import re

import regex

# A capital sigma at the end of a word.
_FINAL_SIGMA = regex.compile(r"(?<=[\p{L}\p{M}])Σ(?![\p{L}\p{M}])")
# Ranges of code points, in hexadecimal, that Unicode 13 leaves unassigned and that hold letters, marks or digits in a
# later version.
_LATER = (
    "558 58b-58c 5c8-5c9 870-89f 8b5 8c8-8d2 b53-b54 c3c c5c-c5d cdc-cdd cf3 ece 170d 1715-171f 180f 1ac1-1af0 1b4c "
    "1c89-1c8a 1dfa 208f 209d-209f 2c2f 2c5f 9ffd-9fff a7c0-a7c1 a7cb-a7f4 ab6c-ab6d 10570-105f3 10780-107bf "
    "10940-10959 10d40-10d85 10ec2-10eff 10f70-10f85 11070-11075 110c2 1123f-11241 11380-113e2 116d0-116e3 "
    "11740-11746 11ab0-11abf 11b0a-11bf9 11db0-11df1 11f00-11f5a 1246f 12475-1247f 12550-12ff0 1342f 13440-143fa "
    "16100-16139 16a70-16ac9 16d40-16d79 16ea0-16ed3 16ff2-16ff6 187f8-187ff 18cd6-18cff 18d09-1affe 1b11f-1b132 "
    "1b155 1b168 1ccf0-1cf46 1d127-1d128 1d250-1d2d3 1d6a6 1df00-1dfff 1e030-1e08f 1e290-1e2ae 1e4d0-1e7fe "
    "2a6de-2a6df 2b735-2b73f 2b81e 2cea2-2cead 2ebf0-2ee5d 31350-3fc3f"
)
_RANGES = "".join("-".join(chr(int(end, 16)) for end in part.split("-")) for part in _LATER.split())
_LATER_LETTER = re.compile(f"[{_RANGES}]")


def known_letters(text: str) -> str:
    """The text with a sign that is no letter in the place of each character of a later version of Unicode."""
    return text if text.isascii() else str(_LATER_LETTER.sub("\ufffd", text))


def lower_case(text: str) -> str:
    """A text that `known_letters` returned, in lower case."""
    if text.isascii():
        return text.lower()
    return str(_FINAL_SIGMA.sub("ς", text)).replace("Σ", "σ").lower()

"""gold/terms_by_hour: the sentiment of the texts that contain a word, hour by hour.

Key: `hour` of the event, `term` (letters only, lower case). A text counts once for each of its terms.
"""

from __future__ import annotations

import pyarrow as pa
import regex

from streaming.tables.gold_contributions import (
    Keys,
    exploded,
    hour,
    measures,
    of_table,
)
from streaming.tables.keyed_table import (
    ADD_MEASURES,
    MEASURES,
    TIMESTAMP,
    KeyedTable,
)
from streaming.tables.lower_case import known_letters, lower_case

NAME = "gold/terms_by_hour"
TABLE = KeyedTable(
    name=NAME,
    key=(("hour", TIMESTAMP), ("term", pa.string())),
    values=MEASURES,
    time="hour",
    updates=ADD_MEASURES,
    hourly=True,
)

ADDRESS = regex.compile(r"https?://\S+|www\.\S+|@\w+")
# 3 to 40 letters of any script that are not part of something longer.
WORD = regex.compile(r"(?<![\p{L}\p{M}\p{N}_])\p{L}[\p{L}\p{M}]{2,39}(?![\p{L}\p{M}\p{N}_])")
TERMS_PER_TEXT = 20

# Words without a topic of their own, and the parts that contractions leave when they are split at the apostrophe.
_STOP_WORDS = (
    "about above after again against all also although and another any are aren around because been before "
    "being below between both but came can cannot come comes could couldn did didn does doesn doing don done "
    "down during each either else even ever every few for from further get gets getting got had hadn has hasn "
    "have haven having her here hers herself him himself his how however http https into isn its itself just "
    "let lot made make makes many may maybe might mine more most much must mustn myself neither nor not now "
    "off once one only onto other our ours ourselves out over own per put quite rather really same say says "
    "see seem seems shall she should shouldn since some still such take than that the their theirs them "
    "themselves then there these they thing things this those though through thus too under until upon use "
    "used very via was wasn way well went were weren what when where whether which while who whom whose why "
    "will with within without won would wouldn yes yet you your yours yourself yourselves "
)
STOP_WORDS = frozenset(_STOP_WORDS.split())


def terms(text: str) -> list[str]:
    """The first TERMS_PER_TEXT distinct terms of a text, in order."""
    words = WORD.findall(lower_case(ADDRESS.sub(" ", known_letters(text))))
    return list(dict.fromkeys(word for word in words if word not in STOP_WORDS))[:TERMS_PER_TEXT]


def keys(rows: pa.Table) -> Keys:
    """Aggregation keys of posts or comments, one for each of their terms."""
    return exploded(rows, NAME, hour(rows["event_time"]), terms)


def rows(sums: pa.Table) -> pa.Table:
    """Converts a micro-batch's sums to rows of the table."""
    own = of_table(sums, NAME)
    return TABLE.rows({"hour": own["time"], "term": own["key1"], **measures(own)})

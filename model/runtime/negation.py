"""What a negator denies: a fault ("not boring"), a merit ("not good"), neither, or nothing ("never been happier")."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .tokens import BUT, COMPARATIVE, DENIAL, NEGATOR, PAUSE, STOP, UTMOST, VALENCE, WORD, Ints, TokenTable

REACH = 4
# From which valence a word is a fault or a merit.
STRONG = 0.8
_WORDS = (
    "no not never none nobody nothing neither nor nowhere cannot without hardly barely rarely seldom scarcely lack "
    "lacks lacking cant wont dont doesnt didnt isnt arent wasnt werent havent hasnt hadnt shouldnt wouldnt couldnt "
    "mustnt aint noone"
)
NEGATORS = frozenset(_WORDS.split())
# "never better", "couldn't be happier", "nothing nicer": the utmost, and no negation.
UTMOST_NEGATORS = frozenset(("never", "nothing", "nobody", "none", "noone", "cant", "cannot", "couldnt", "wouldnt"))
CONTRASTS = frozenset(("but", "however", "although", "though"))
# A negator's token is followed by its variants: what is added to its id where it denies a fault or a merit, and where
# it denies nothing.
FAULT, MERIT, NOTHING = 1, 2, 3


def variants(flags: int) -> Iterator[tuple[str, int]]:
    """The key and bits of a negator's variants, in the order of their numbers."""
    yield "<denied fault>", flags & ~NEGATOR | DENIAL
    yield "<denied merit>", flags
    yield "<utmost>", flags & ~NEGATOR | UTMOST


def resolved(ids: Ints, table: TokenTable) -> Ints:
    """The same tokens, each negator replaced by the variant that fits what follows within its sentence."""
    flags = table.flags[ids]
    places = np.flatnonzero(flags & NEGATOR)
    if len(places):
        ids[places] += _kinds(ids, flags, places, table)
    return ids


def _kinds(ids: Ints, flags: Ints, places: npt.NDArray[np.intp], table: TokenTable) -> Ints:
    """FAULT, MERIT, NOTHING or 0 for each negator: the first word with a valence within reach decides."""
    kinds = np.zeros(len(places), np.int32)
    utmost = (flags[places] & UTMOST) != 0
    at, open_ = places.copy(), (flags[places] & PAUSE) == 0
    for step in range(REACH):
        at = np.minimum(at + 1, len(ids) - 1)
        here = flags[at]
        open_ &= ((here & (STOP | (0 if step == 0 else NEGATOR))) == 0) & (at > places + step)
        valence = np.where((here & WORD) != 0, table.numbers[VALENCE, ids[at]], 0)
        undecided = open_ & (kinds == 0)
        if step == 0:
            kinds[undecided & ((here & BUT) != 0)] = NOTHING
        kinds[undecided & (kinds == 0) & (valence <= -STRONG)] = FAULT
        kinds[undecided & (kinds == 0) & (valence >= STRONG)] = MERIT
        kinds[open_ & utmost & ((here & COMPARATIVE) != 0)] = NOTHING
        open_ &= (here & PAUSE) == 0
    return kinds

"""Taking the lease: at once if nobody owns the hops, after a term if their owner is dead, not at all if it lives.

Whether an owner lives is decided by watching it, on the monotonic clock of the one that watches: an owner that gives a
sign of life while it is watched lives; one that gives none for a whole term is dead. No two clocks are ever compared.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from streaming.errors import LeaseHeld
from streaming.fencing import Token
from streaming.lease.owner import Owner
from streaming.lease.storage import LeaseStorage, SignOfLife

log = logging.getLogger(__name__)

POLL = 0.5

Watched = dict[int, SignOfLife | None]


def take(
    storage: LeaseStorage,
    sign: SignOfLife,
    lake: str,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Token:
    """Take the hops that `sign` names, give its first sign of life, and return the token for every commit.

    Takes a dead owner's hops over, up to one term later. Raises LeaseHeld, which names the owner, if one of them lives.
    """
    watched: Watched = {}
    since = clock()
    while True:
        tokens = storage.tokens()
        owners = _owners(storage, tokens, sign.hops)
        if owners.keys() != watched.keys():
            watched, since = owners, clock()
            _tell(owners, lake)
        if living := [number for number, shown in owners.items() if _shown_since(watched[number], shown)]:
            raise LeaseHeld(_refusal(owners[living[0]], lake))
        if clock() - since >= _term(owners, sign):
            number = max(tokens.values(), default=0) + 1
            if storage.take(sign.hops, number):
                storage.show(number, sign)
                log.info("%s: took the lease with token %d%s", lake, number, _from(owners))
                return Token(storage.id, number)
            watched = {}
        else:
            sleep(POLL)


def _owners(storage: LeaseStorage, tokens: dict[str, int], hops: Sequence[str]) -> Watched:
    """The owners of `hops` that may be alive, by token."""
    signs = {number: storage.sign(number) for number in sorted({tokens[hop] for hop in hops if hop in tokens})}
    return {number: shown for number, shown in signs.items() if shown is None or not _has_ended(shown)}


def _has_ended(sign: SignOfLife) -> bool:
    return sign.released or sign.owner.is_gone()


def _shown_since(before: SignOfLife | None, now: SignOfLife | None) -> bool:
    return now is not None and (before is None or now.beat != before.beat)


def _term(owners: Watched, sign: SignOfLife) -> float:
    """How long to watch: nobody needs no time; an owner that never gave a sign died while it took the lease."""
    return max((shown.term if shown else sign.term for shown in owners.values()), default=0.0)


def _tell(owners: Watched, lake: str) -> None:
    for number, shown in owners.items():
        who = f"{shown.owner}" if shown else "an unknown process"
        log.info("%s: owned by %s (token %d); watching whether it lives", lake, who, number)


def _from(owners: Watched) -> str:
    gone = ", ".join(str(shown.owner) for shown in owners.values() if shown)
    return f", over from {gone}, which gave no sign of life" if gone else ""


def _refusal(sign: SignOfLife | None, lake: str) -> str:
    owner = sign.owner if sign else Owner("?", 0, "?")
    term = sign.term if sign else 0.0
    hops = ", ".join(sign.hops) if sign else ""
    return (
        f"{lake} is owned by another job ({owner}; hops {hops}); stop that job and start this one again: "
        f"if it dies instead, this command takes over {term:.0f} s after its last sign of life"
    )

"""Compares two spans of time: what changed, how significant that is, and which topics, terms and cohorts drove it.

Everything is in *net sentiment*: the share of positive texts minus the share of negative ones, from -1 to 1. Frames
hold counts: `events`, `negative`, `neutral`, `positive`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

COUNTS = ["events", "negative", "neutral", "positive"]
Z_95 = 1.96  # standard errors on each side of a 95 % interval
PRIOR_TEXTS = 20  # a group of few texts is drawn towards the whole, as if it had so many texts like the whole's
MIN_SHARE = 0.05  # a driver that carries less of the change is not worth a word


@dataclass(frozen=True)
class Net:
    """Net sentiment of some texts, with half the width of its 95 % interval; both 0 where there is no text."""

    value: float
    margin: float
    texts: int


@dataclass(frozen=True)
class Change:
    """Two spans compared."""

    now: Net
    before: Net

    @property
    def difference(self) -> float:
        """From before to now."""
        return self.now.value - self.before.value

    @property
    def margin(self) -> float:
        """Half the width of the difference's 95 % interval."""
        return math.hypot(self.now.margin, self.before.margin)

    @property
    def known(self) -> bool:
        """True if the difference is statistically significant."""
        return self.now.texts > 0 and self.before.texts > 0 and abs(self.difference) > self.margin


def net(frame: pd.DataFrame) -> Net:
    """Net sentiment of all texts that a frame counts."""
    if frame.empty or not (texts := int(frame["events"].sum())):
        return Net(0.0, 0.0, 0)
    positive, negative = (float(frame[name].sum()) / texts for name in ("positive", "negative"))
    value = positive - negative
    variance = max(positive + negative - value**2, 1 / texts)  # of one text's +1, 0 or -1; never quite none
    return Net(value, Z_95 * math.sqrt(variance / texts), texts)


def margins(frame: pd.DataFrame) -> pd.Series[float]:
    """Half the width of the 95 % interval of each row's net sentiment, as `net` computes it; rows count texts."""
    positive, negative = frame["positive"] / frame["events"], frame["negative"] / frame["events"]
    variance = (positive + negative - (positive - negative) ** 2).clip(lower=1 / frame["events"])
    return Z_95 * (variance / frame["events"]) ** 0.5


def shrunken(frame: pd.DataFrame, towards: float | None = None) -> pd.Series[float]:
    """Net sentiment of each row; of rows with few texts it is shrunk towards that of the whole (or `towards`)."""
    whole = net(frame).value if towards is None else towards
    return (frame["positive"] - frame["negative"] + PRIOR_TEXTS * whole) / (frame["events"] + PRIOR_TEXTS)


def drivers(now: pd.DataFrame, before: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """How much each group added to the change of the whole, largest first.

    Columns: `keys`, `events` (now), `events_before`, `net`, `net_before` (shrunken), `carried`: the group's part of the
    change, by what it says (`within`) and by how much of it there is (`mix`). Where the groups divide the texts, the
    parts add up to the change; a text with several topics counts in each of them.
    """
    sides = [_grouped(frame, keys) for frame in (now, before)]
    both = sides[0].merge(sides[1], "outer", on=keys, suffixes=("", "_before")).fillna(0)
    totals = [max(net(frame).texts, 1) for frame in (now, before)]
    nets = [net(frame).value for frame in (now, before)]
    middle = sum(nets) / 2
    for side, whole in (("", nets[0]), ("_before", nets[1])):
        counts = both[[f"{name}{side}" for name in COUNTS]].set_axis(COUNTS, axis=1)
        both[f"net{side}"] = shrunken(counts, whole)
    shares = both["events"] / totals[0], both["events_before"] / totals[1]
    both["within"] = (shares[0] + shares[1]) / 2 * (both["net"] - both["net_before"])
    both["mix"] = (shares[0] - shares[1]) * ((both["net"] + both["net_before"]) / 2 - middle)
    both["carried"] = both["within"] + both["mix"]
    wanted = [*keys, "events", "events_before", "net", "net_before", "within", "mix", "carried"]
    order = both["carried"].abs().sort_values(ascending=False, kind="stable").index
    return both.loc[order, wanted].reset_index(drop=True)


def _grouped(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    if frame.empty:
        return pd.DataFrame({name: [] for name in (*keys, *COUNTS)}).astype(dict.fromkeys(COUNTS, float))
    return frame.groupby(keys, as_index=False)[COUNTS].sum()


def sentence(change: Change, found: dict[str, pd.DataFrame], against: str) -> str:
    """What moved the net sentiment, in one sentence. `found`: the `drivers` of each kind of group, by its name."""
    now, before = points(change.now.value), points(change.before.value)
    if not change.before.texts or not change.now.texts:
        return f"Net sentiment is {now}; there is nothing to compare it with: no text {against}."
    if not change.known:
        interval = f"a difference of up to {100 * change.margin:.0f} may be chance"
        return f"Net sentiment is {now}, {against} it was {before}: no change that is more than chance ({interval})."
    verb = "rose" if change.difference > 0 else "fell"
    moved = f"Net sentiment {verb} from {before} to {now} (±{100 * change.margin:.0f}) compared with {against}"
    carriers = [text for kind, frame in found.items() if (text := _carriers(kind, frame, change.difference))]
    return f"{moved}. It came with {'; '.join(carriers)}." if carriers else f"{moved}, everywhere alike."


def _carriers(kind: str, frame: pd.DataFrame, difference: float, most: int = 2) -> str:
    """The groups that contributed most to the change, in its direction."""
    same = frame[frame["carried"] * difference > MIN_SHARE * difference**2].head(most)
    told = [f"{name} ({points(part)})" for name, part in zip(names(same), same["carried"], strict=True)]
    return f"{kind} {' and '.join(told)}" if told else ""


def names(groups: pd.DataFrame) -> list[str]:
    """What each group of `drivers` is called: the values of its keys."""
    return [", ".join(map(str, key)) for key in groups[key_columns(groups)].itertuples(index=False)]


def key_columns(frame: pd.DataFrame) -> list[str]:
    """The columns that tell the groups of `drivers` apart."""
    return list(frame.columns[: list(frame.columns).index("events")])


def points(share: float) -> str:
    """A net sentiment or a part of one in points of a hundred, with its sign."""
    return f"{100 * share:+.0f}"


def telling(terms: pd.DataFrame, sentiment: str, most: int = 60) -> pd.DataFrame:
    """The terms that are typical for a sentiment: `term`, `events` of that sentiment, `lift` over all texts.

    A word that is in texts of every sentiment alike says nothing of one, however often it occurs.
    """
    share = terms[sentiment].sum() / max(terms["events"].sum(), 1)
    lift = (terms[sentiment] + PRIOR_TEXTS * share) / ((terms["events"] + PRIOR_TEXTS) * max(share, 1e-9))
    found = terms.assign(lift=lift, weight=terms[sentiment] * (lift - 1)).query("weight > 0")
    return found.nlargest(most, "weight")[["term", "events", "lift", "weight"]].reset_index(drop=True)

"""The page Label: shows one text at a time, stores the reader's label of it, and says how far people and model agree.

Neither author nor the model's sentiment is shown: they would sway the reader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import streamlit as st
from deltalake.exceptions import DeltaError, TableNotFoundError

from deploy.dashboard import agreement, texts
from deploy.dashboard.charts import SENTIMENTS
from deploy.dashboard.view import View
from streaming.corrections import journal
from streaming.errors import StreamingError
from streaming.operations.label import choice
from streaming.operations.label.store import store
from streaming.tables import silver_labels

AT_ONCE = 50  # texts that are chosen together
KEYS = dict(zip(SENTIMENTS, "123", strict=True))
SKIP, BACK = "S", "B"
RANDOM, UNCERTAIN, OTHERS = "At random", "Least certain first", "Labelled by others"
ORDERS = {
    RANDOM: "an honest measure of the model: every text of the span has the same chance",
    UNCERTAIN: "teaches the next version most, but says nothing about how good the model is",
    OTHERS: "shows how far people agree: texts that one other person has labelled",
}
DRAWN = {RANDOM: silver_labels.RANDOM, UNCERTAIN: silver_labels.UNCERTAIN, OTHERS: None}


@dataclass
class Desk:
    """What one reader has before them: the texts to come, the last answered, and what went wrong."""

    chosen_by: tuple[Any, ...] = ()
    waiting: list[dict[str, Any]] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    trouble: str = ""


def draw(view: View) -> None:
    """The page."""
    st.header("Label texts")
    labels = view.lake.rows(silver_labels.NAME)
    if reason := view.lake.why_no_labels():
        st.info(f"{reason} Label in a file instead:")
        place = view.lake.option
        st.code(
            f"moodstream label {place} --sample 200 --out to-label.csv\n"
            f"moodstream label {place} --input to-label.csv --source YOUR_NAME",
            language="sh",
        )
    else:
        _desk(view)
    _numbers(view, labels)


def _desk(view: View) -> None:
    first, second = st.columns(2)
    person = _person(first)
    order = second.radio("Texts", list(ORDERS), captions=list(ORDERS.values()))
    if not person:
        st.caption("Give a name to begin: it is stored with each label.")
        return
    desk: Desk = st.session_state.setdefault("desk", Desk())
    _fill(view, desk, order, person)
    if desk.trouble:
        st.error(desk.trouble)
    if not desk.waiting:
        st.caption("No text is left here. A longer span is in the sidebar.")
        return
    texts.card(str(desk.waiting[0]["text"]))
    columns = st.columns(len(SENTIMENTS) + 2)
    for column, sentiment in zip(columns, SENTIMENTS, strict=False):
        answer = (_keep, view, desk, person, order, sentiment)
        _button(column, sentiment.capitalize(), KEYS[sentiment], *answer)
    _button(columns[-2], "Skip", SKIP, _skip, desk)
    _button(columns[-1], "Back", BACK, _back, desk, disabled=not desk.done)
    st.caption(f"Labelled in this sitting: {sum('label' in text for text in desk.done)}.")


def _person(place: Any) -> str:
    """The reader's name; empty until it is given. A field that kept the focus would take the keys of the answers."""
    person = str(st.session_state.get("labeller", ""))
    if person:
        place.button(f"Labelling as {person}: change", on_click=_name, args=("",))
    else:
        place.text_input(
            "Your name",
            key="name",
            help="Stored with each label, as by `moodstream label --source`.",
            on_change=lambda: _name(st.session_state["name"]),
        )
    return person


def _name(person: str) -> None:
    st.session_state["labeller"] = person.strip()


def _button(
    column: Any, name: str, key: str, act: Callable[..., None], *arguments: Any, disabled: bool = False
) -> None:
    column.button(name, shortcut=key, width="stretch", on_click=act, args=arguments, disabled=disabled)


def _fill(view: View, desk: Desk, order: str, person: str) -> None:
    """Choose texts if none is waiting, or if the reader wants others."""
    by = (view.lake.url, view.span, order, person)
    if desk.waiting and desk.chosen_by == by:
        return
    if desk.chosen_by != by:
        desk.done = []
    seen = {text["event_id"] for text in desk.done}
    chosen = [text for text in _chosen(view, order, person).to_pylist() if text["event_id"] not in seen]
    desk.chosen_by, desk.waiting = by, chosen


def _chosen(view: View, order: str, person: str) -> pa.Table:
    settings = view.lake.settings
    try:
        if order == OTHERS:
            return choice.of_others(settings, AT_ONCE, person)
        if order == UNCERTAIN:
            return choice.least_certain(settings, AT_ONCE, view.since)
        return choice.sample(settings, AT_ONCE, view.since, scored=True)
    except TableNotFoundError:
        return pa.table({"event_id": []})


def _keep(view: View, desk: Desk, person: str, order: str, label: str) -> None:
    """Store the label of the text on top; on trouble the text stays there."""
    text = desk.waiting[0]
    when: tuple[datetime, datetime] = (text["event_time"], text["event_time"])
    settings = view.lake.settings
    try:
        journal.finish(settings)
        report = store(settings, {text["event_id"]: label}, person, drawn=DRAWN[order], within=when)
    except (DeltaError, OSError, StreamingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        desk.trouble = f"The label was not stored: {reason}"
        return
    desk.trouble = "That text has been erased or deleted meanwhile." if report["unknown"] else ""
    desk.done.append({**desk.waiting.pop(0), "label": label})


def _skip(desk: Desk) -> None:
    desk.trouble = ""
    desk.done.append(desk.waiting.pop(0))


def _back(desk: Desk) -> None:
    """Show the last text again, whose label a new answer replaces."""
    text = desk.done.pop()
    desk.waiting.insert(0, {name: value for name, value in text.items() if name != "label"})


def _numbers(view: View, labels: pd.DataFrame) -> None:
    """How many texts are labelled, and how far the serving model and people agree."""
    if labels.empty:
        st.caption("Nobody has labelled a text of this lake yet.")
        return
    labels = labels.reindex(columns=[*dict.fromkeys([*labels.columns, *agreement.SECOND, "drawn"])])
    served = labels[labels["model_version"] == _serving(view)]
    fair = served["drawn"] != silver_labels.UNCERTAIN
    model, unsure = (
        agreement.between(list(rows["label"]), list(rows["sentiment"])) for rows in (served[fair], served[~fair])
    )
    people = agreement.of_people(labels)
    both = labels.dropna(subset=agreement.SECOND)
    among = agreement.between(list(both["label"]), list(both["second_label"]))
    columns = st.columns(3)
    columns[0].metric("Labelled texts", f"{len(labels):,}", border=True)
    _metric(columns[1], "Serving model agrees", model)
    _metric(columns[2], "People agree", among)
    lines = [f"The serving model (version {_serving(view)}) agrees with people on {model.sentence}."] if model else []
    if unsure:
        lines.append(f"Of texts that it was least certain of: {unsure.sentence}. They count in no other measure.")
    lines += [f"{one} and {other} agree on {found.sentence}." for (one, other), found in people.items()]
    st.caption("  \n".join([*lines, "In brackets: 95 % intervals."]) if lines else "")


def _metric(column: Any, name: str, found: agreement.Agreement | None) -> None:
    interval = f"{found.share.low:.0%} to {found.share.high:.0%}" if found else "no such text yet"
    value = f"{found.share.value:.0%}" if found else "–"
    column.metric(name, value, interval, "off", delta_arrow="off", border=True)


def _serving(view: View) -> str:
    """The version that scored most texts of the newest hour; empty without any."""
    hours = view.hours("gold/sentiment_by_model")
    return "" if hours.empty else str(hours.sort_values(["hour", "events"]).iloc[-1]["model_version"])

"""`moodstream rescore --model VERSION [--accept]`: scores the stored texts with another model version.

Without `--accept`, it writes the new scores to silver/rescored, beside the served ones. With it, the rows of silver get
these scores; gold changes by differences (see corrections/journal.py), the warehouse's facts by update. No hop
processes a row again.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, Schema, write_deltalake

from streaming.corrections import journal, readers
from streaming.corrections.journal import Change
from streaming.delta.tables import add_missing_columns, chunks, location, open_table, read, spilled, storage_options
from streaming.errors import OperationFailed, SettingsError
from streaming.operations import command
from streaming.operations.command import Outcome, Progress
from streaming.options import Parser
from streaming.scoring import registry
from streaming.scoring.archive import Model
from streaming.scoring.language import judged
from streaming.settings import Settings
from streaming.tables import silver_comments, silver_posts, silver_rescored
from streaming.tables.columns import PARTITIONS
from streaming.warehouse import corrections

EXAMPLES = """  moodstream rescore --model 7
  moodstream rescore --model 7 --json
  moodstream rescore --model 7 --accept
"""
TEXTS: Mapping[str, str] = {silver_posts.ENTITY: silver_posts.NAME, silver_comments.ENTITY: silver_comments.NAME}
VERSION = silver_rescored.VERSION
SCORES = tuple(name for name, _ in silver_rescored.LABELS)
COLUMNS = ["event_id", "event_time", "text", "lang", *SCORES, *PARTITIONS]
# What the report calls a text in a language that the version does not serve.
UNSCORED = "unscored"
# Rows of a commit: limits the memory, and the work that a conflict with another commit repeats.
COMMIT_ROWS = 50_000
SERVED_WITHIN_S = 15.0
PATIENCE_S = 120.0

Day = tuple[int, int, int]


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Score the stored texts, or serve these scores; returns the exit code."""
    parser = Parser(
        "rescore", "Score the stored texts with another model version, to compare, then to serve.", EXAMPLES
    )
    parser.add_argument("--model", required=True, metavar="VERSION", help="version of the registered model")
    parser.add_argument("--accept", action="store_true", help="serve the scores of an earlier run without --accept")
    command.add_place(parser, environ)
    return command.run(parser, _act, argv, environ)


def _act(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    if not options.model.isdigit():
        raise SettingsError(f"--model: received '{options.model}', expected the number of a version")
    finished = journal.finish(settings)
    work = accept if options.accept else rescore
    report = work(settings, options.model, progress)
    return Outcome({"model_version": options.model, "finished_changes": finished, **report}, _lines(report, options))


def rescore(settings: Settings, version: str, progress: Progress) -> dict[str, Any]:
    """Score every post and comment, and replace the version's rows of silver/rescored; counts the changes of sentiment.

    One commit: the table holds the version's former scores, or all of the new ones.
    """
    model = registry.load(settings, version)
    moves: Counter[tuple[str, str]] = Counter()

    def batches() -> Iterator[pa.RecordBatch]:
        for entity, name in TEXTS.items():
            for rows in chunks(open_table(settings, name), COLUMNS):
                scored = _rescored(rows, entity, version, model)
                moves.update(zip(scored["sentiment"].to_pylist(), scored["new_sentiment"].to_pylist(), strict=True))
                progress(f"{sum(moves.values()):,} texts scored")
                yield from scored.to_batches()

    with spilled(silver_rescored.SCHEMA, batches()) as rows:
        replaced = f"{VERSION} = '{int(version)}'"
        write_deltalake(open_rescored(settings), rows, mode="overwrite", predicate=replaced)
    return _summary(moves)


def accept(settings: Settings, version: str, progress: Progress) -> dict[str, Any]:
    """Serve the version's scores in silver, gold and warehouse. Rows that arrived after the scoring keep theirs.

    One commit for each COMMIT_ROWS rows of a day; the next run continues one that was interrupted.
    """
    table = open_rescored(settings)
    days = _days(table, version)
    if not days:
        raise SettingsError(f"--accept: version {version} has scored nothing yet; run it without --accept first")
    if settings.warehouse:
        corrections.check(settings)
    moves: Counter[tuple[str, str]] = Counter()
    operation = f"rescore-{uuid4().hex}"
    for day in days:
        scores = _scores_of(table, version, day)
        for name in TEXTS.values():
            while (change := journal.apply(settings, operation, name, _rescoring(scores, day, version))) is not None:
                moves.update(_moves(change))
                progress(f"{sum(moves.values()):,} rows changed")
    if settings.warehouse:
        _update_facts(settings, table, version, days, progress)
        corrections.serve(settings, SERVED_WITHIN_S)
    return _summary(moves)


def open_rescored(settings: Settings) -> DeltaTable:
    """Opens silver/rescored; creates it if there is none."""
    table = DeltaTable.create(
        location(settings.table(silver_rescored.NAME)),
        schema=silver_rescored.SCHEMA,
        mode="ignore",
        partition_by=[VERSION, *PARTITIONS],
        storage_options=storage_options(settings),
    )
    add_missing_columns(table, Schema.from_arrow(silver_rescored.SCHEMA))
    return table


def _rescored(rows: pa.Table, entity: str, version: str, model: Model) -> pa.Table:
    scores = pa.Table.from_pandas(
        judged(model, rows["text"].to_pandas(), rows["lang"].to_pandas()), preserve_index=False
    )
    columns = {name: rows[name] for name in rows.column_names if name not in ("text", "lang")}
    columns |= {f"new_{name}": scores[name] for name in SCORES[:-1]}
    columns |= {name: pa.array([value] * rows.num_rows) for name, value in (("entity", entity), (VERSION, version))}
    return pa.table({name: columns[name] for name in silver_rescored.SCHEMA.names}).cast(silver_rescored.SCHEMA)


def _days(table: DeltaTable, version: str) -> list[Day]:
    """The days for which the version has scores, by the partitions of its files."""
    found = {tuple(int(part[name]) for name in PARTITIONS) for part in table.partitions() if part[VERSION] == version}
    return sorted(found)  # type: ignore[arg-type]


def _scores_of(table: DeltaTable, version: str, day: Day) -> pa.Table:
    columns = ["event_id", *(f"new_{name}" for name in SCORES[:-1])]
    rows = read(table, columns, f"{VERSION} = '{int(version)}' AND {_of_day(day)}")
    return rows.append_column("new_model_version", pa.array([version] * rows.num_rows, pa.string()))


def _of_day(day: Day) -> str:
    return " AND ".join(f"{name} = {value}" for name, value in zip(PARTITIONS, day, strict=True))


def _rescoring(scores: pa.Table, day: Day, version: str) -> journal.Choose:
    """Chooses up to COMMIT_ROWS served rows of the day with scores of another version, and their new scores."""

    def choose(table: DeltaTable) -> Change | None:
        for rows in chunks(table, [name for name in _columns(table) if name != "raw"], _of_day(day)):
            other = pc.fill_null(pc.not_equal(rows["model_version"], version), True)
            old = rows.filter(pc.and_(other, pc.is_in(rows["event_id"], value_set=scores["event_id"].combine_chunks())))
            if old.num_rows:
                return _change(old, scores)
        return None

    return choose


def _change(old: pa.Table, scores: pa.Table) -> Change:
    place = {event: index for index, event in enumerate(scores["event_id"].to_pylist())}
    own = scores.take(pa.array([place[event] for event in old["event_id"].to_pylist()], pa.int64()))
    new = old
    for name in SCORES:
        new = new.set_column(new.schema.get_field_index(name), name, own[f"new_{name}"])
    source = new.select(["event_id", *SCORES, *PARTITIONS])
    unique = source.group_by(source.column_names).aggregate([])
    return Change(old, new, unique, updates={name: f"source.{name}" for name in SCORES})


def _moves(change: Change) -> Iterator[tuple[str, str]]:
    if change.new is None:
        raise OperationFailed("a rescore deletes nothing")
    return zip(change.old["sentiment"].to_pylist(), change.new["sentiment"].to_pylist(), strict=True)


def _update_facts(settings: Settings, table: DeltaTable, version: str, days: list[Day], progress: Progress) -> None:
    """Waits until the load hop has read past the old scores: facts that it loads later would have them."""
    for name in TEXTS.values():
        if late := readers.wait(settings, name, open_table(settings, name).version(), PATIENCE_S, progress):
            raise OperationFailed(f"{', '.join(late)} has rows of {name} still to read: run the job, then accept again")
    for day in days:
        scores = _scores_of(table, version, day)
        renamed = scores.rename_columns([name.removeprefix("new_") for name in scores.column_names])
        for entity in TEXTS:
            corrections.relabel(settings, entity, renamed)


def _columns(table: DeltaTable) -> list[str]:
    return [field.name for field in table.schema().fields]


def _summary(moves: Counter[tuple[str, str]]) -> dict[str, Any]:
    changed = {
        f"{old or UNSCORED} -> {new or UNSCORED}": count for (old, new), count in moves.most_common() if old != new
    }
    return {"rows": sum(moves.values()), "changed": sum(changed.values()), "by_change": changed}


def _lines(report: Mapping[str, Any], options: argparse.Namespace) -> list[str]:
    share = report["changed"] / report["rows"] if report["rows"] else 0.0
    lines = [f"{report['rows']:,} texts, {report['changed']:,} of them ({share:.1%}) with another sentiment"]
    lines += [f"    {move:<24}{count:>10,}" for move, count in report["by_change"].items()]
    if not options.accept:
        lines.append(
            f"stored in {silver_rescored.NAME}; to serve these scores: rescore --model {options.model} --accept"
        )
    return lines

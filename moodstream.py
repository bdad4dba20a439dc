"""The `moodstream` command: hands each word to the package that knows it, importing only that one."""

from __future__ import annotations

import importlib
import os
import sys

COMMANDS = {
    "demo": ("harness.demo.command", "run the whole system on this machine, live"),
    "status": ("harness.demo.status", "show what runs in a workdir and how it does"),
    "audit": ("harness.audit.command", "reconcile what was sent with every layer"),
    "chaos": ("harness.chaos", "kill and restart the job under load, then audit"),
    "bench": ("harness.bench", "measure ratios against named baselines"),
    "cost": ("deploy.infra.cost", "estimate the monthly cost on AWS"),
    "generate": ("generator.cli", "send or write a mock platform's events"),
    "score": ("model.score", "score texts with the champion"),
    "model": ("model.cli", "train, evaluate, promote, roll back, list"),
    "stream": ("streaming.cli", "run the streaming job itself"),
    "label": ("streaming.operations.label", "tell what texts really say, to judge models by"),
    "rejected": ("streaming.operations.rejected.command", "list or replay rejected records"),
    "erase": ("streaming.operations.erase.command", "remove a person from every layer"),
    "rescore": ("streaming.operations.rescore", "label history with another model version"),
    "backfill": ("streaming.operations.backfill.command", "rebuild silver and gold from bronze"),
    "maintain": ("streaming.operations.maintain", "compact, vacuum and clean up"),
}

USAGE = "usage: moodstream COMMAND [OPTIONS]\n\n" + "\n".join(
    f"  {name:<10}{what}" for name, (_, what) in COMMANDS.items()
)
EPILOGUE = "\n\n`moodstream COMMAND --help` explains one. A first look: moodstream demo --seconds 60\n"


def main() -> int:
    """Run `moodstream` on the process's arguments; returns the exit code (2: wrong use)."""
    argv = sys.argv[1:]
    if not argv or argv[0] in ("-h", "--help", "help"):
        sys.stdout.write(USAGE + EPILOGUE)
        return 0 if argv else 2
    name, *rest = argv
    if name not in COMMANDS:
        sys.stderr.write(f"moodstream: unknown command '{name}'; one of: {', '.join(COMMANDS)}\n")
        return 2
    run = importlib.import_module(COMMANDS[name][0]).main
    code: int = run(rest, os.environ)
    return code


if __name__ == "__main__":
    sys.exit(main())

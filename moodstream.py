"""The `moodstream` command: passes the arguments to the module of the first word, and imports no other."""

from __future__ import annotations

import importlib
import os
import sys

COMMANDS = {
    "demo": ("harness.demo.command", "run the whole system on this machine, live"),
    "status": ("harness.demo.status", "show the services, hops and rows of a demo"),
    "audit": ("harness.audit.command", "compare everything that was sent with every layer"),
    "chaos": ("harness.chaos", "kill the job and break its services under load, then audit"),
    "bench": ("harness.bench", "measure speed against named baselines"),
    "cost": ("deploy.infra.cost", "estimate the monthly cost on AWS"),
    "generate": ("generator.cli", "send the events of a mock platform, or write them to a file"),
    "score": ("model.score", "score texts with the champion"),
    "model": ("model.cli", "train, evaluate, promote, roll back, list"),
    "stream": ("streaming.cli", "run the streaming job"),
    "label": ("streaming.operations.label", "record the sentiment that people see in texts, to evaluate models"),
    "rejected": ("streaming.operations.rejected.command", "list rejected events, or send them again"),
    "erase": ("streaming.operations.erase.command", "remove a person's data from every layer"),
    "rescore": ("streaming.operations.rescore", "score the stored texts again with another model version"),
    "backfill": (
        "streaming.operations.backfill.command",
        "rebuild silver and gold from bronze, or bronze from an archive",
    ),
    "maintain": ("streaming.operations.maintain", "compact tables and remove files that no reader needs"),
}

USAGE = "usage: moodstream COMMAND [OPTIONS]\n\n" + "\n".join(
    f"  {name:<10}{purpose}" for name, (_, purpose) in COMMANDS.items()
)
EPILOGUE = (
    "\n\n`moodstream COMMAND --help` explains a command, with examples. Begin with: moodstream demo --seconds 60\n"
)


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

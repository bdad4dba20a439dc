"""The `moodstream` command, and the one place where an error becomes an exit code and a line for the user.

Every command is a module with `main(argv, environ) -> int`, which raises the errors of its package. Each of those
classes has an `exit_code`:

0  done; also when stopped as asked
1  it failed or is incomplete, an audit did not pass, or something happened that nobody foresaw
2  wrong use, or something is missing that the user can provide: an option, a file, a service that an option names
3  it can never succeed as it is: a restart would be in vain
5  another job owns the lake, or has taken it over
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version

WRONG_USE = 2
COMMANDS = {
    "demo": ("harness.demo.command", "run the whole system on this machine, live"),
    "doctor": ("harness.doctor", "look for what would keep a demo from running here"),
    "status": ("harness.demo.status", "show the services, hops and rows of a demo"),
    "audit": ("harness.audit.command", "compare everything that was sent with every layer"),
    "chaos": ("harness.chaos", "kill the job and break its services under load, then audit"),
    "bench": ("harness.bench", "measure speed against named baselines"),
    "cost": ("deploy.infra.cost", "estimate the monthly cost on AWS"),
    "generate": ("generator.cli", "send the events of a mock platform, or write them to a file"),
    "connect": ("connectors.cli", "send the events of a real source, or write them to a file"),
    "score": ("model.score", "score texts with the champion"),
    "model": ("model.cli", "train, evaluate, promote, roll back, list"),
    "stream": ("streaming.cli", "run the streaming job"),
    "report": ("deploy.dashboard.report.command", "write a day of the lake as one HTML file"),
    "sql": ("streaming.operations.sql", "ask the lake's tables a question"),
    "label": (
        "streaming.operations.label.command",
        "record the sentiment that people see in texts, to evaluate models",
    ),
    "alerts": ("streaming.operations.alerts", "list and show incidents, test their messages, find them again"),
    "quarantined": ("streaming.operations.quarantined.command", "list rows that hops left out, or bring them back"),
    "rejected": ("streaming.operations.rejected.command", "list rejected events, or send them again"),
    "erase": ("streaming.operations.erase.command", "remove a person's data from every layer"),
    "rescore": ("streaming.operations.rescore", "score the stored texts again with another model version"),
    "backfill": (
        "streaming.operations.backfill.command",
        "rebuild silver and gold from bronze, or bronze from an archive",
    ),
    "checkpoints": ("streaming.operations.checkpoints", "look for damaged checkpoints, and repair them"),
    "maintain": ("streaming.operations.maintain", "compact tables and remove files that no reader needs"),
}

Main = Callable[[Sequence[str], Mapping[str, str]], int]


def main() -> int:
    """Run `moodstream` on the process's arguments and environment; returns the exit code."""
    # No proxy can reach this machine's loopback address, whatever library asks it.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1,localhost"]))
    # The client that reads lakes warns of every credential that it does not find; its error says all that matters.
    os.environ.setdefault("RUST_LOG", "error")
    return run(sys.argv[1:], os.environ)


def run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the command that the first word names, importing no other; returns the exit code."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        sys.stdout.write(_usage())
        return 0 if argv else WRONG_USE
    name, *rest = argv
    if name == "--version":
        sys.stdout.write(f"moodstream {version('moodstream')}\n")
        return 0
    if name == "completion":
        return _completion(rest)
    if name not in COMMANDS:
        sys.stderr.write(f"moodstream: unknown command '{name}'; one of: {', '.join(_installed())}\n")
        return WRONG_USE
    module, _ = COMMANDS[name]
    if not _is_installed(module):
        package = module.partition(".")[0]
        sys.stderr.write(f"moodstream {name}: the package '{package}' is not installed; run it in a checkout\n")
        return WRONG_USE
    return exit_code_of(f"moodstream {name}", importlib.import_module(module).main, rest, environ)


def exit_code_of(command: str, command_main: Main, argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Call a command's `main`; returns its exit code, or that of the error that it raised.

    An error with an `exit_code` becomes one line on standard error that begins with `command`. Others pass: their
    traceback is what somebody needs to find the fault.
    """
    try:
        return command_main(argv, environ)
    except SystemExit as done:  # argparse: --help, and what a parser refuses
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if not isinstance(code, int):
            raise
        sys.stderr.write(f"{command}: {' '.join(str(error).split()) or type(error).__name__}\n")
        return code


def _completion(argv: Sequence[str]) -> int:
    """Print the line that makes a shell complete the commands; returns the exit code."""
    shells = {
        "bash": f"complete -W '{' '.join(_installed())}' moodstream",
        "zsh": f'compdef \'_arguments "1:command:({" ".join(_installed())})" "*:file:_files"\' moodstream',
    }
    if len(argv) != 1 or argv[0] not in shells:
        sys.stderr.write(
            'moodstream completion: expected bash or zsh; for example: eval "$(moodstream completion bash)"\n'
        )
        return WRONG_USE
    sys.stdout.write(shells[argv[0]] + "\n")
    return 0


def _usage() -> str:
    lines = [f"  {name:<13}{purpose}" for name, (_, purpose) in COMMANDS.items() if name in _installed()]
    return (
        "usage: moodstream COMMAND [OPTIONS]\n\n"
        + "\n".join(lines)
        + "\n\n`moodstream COMMAND --help` explains a command, with examples; `--version` prints the release;"
        + '\n`eval "$(moodstream completion bash)"` completes commands (also: zsh).'
        + (" Begin with: moodstream demo --seconds 60\n" if "demo" in _installed() else "\n")
    )


def _installed() -> list[str]:
    """The commands whose modules are here: the wheel has neither `harness` nor `deploy`."""
    return [name for name, (module, _) in COMMANDS.items() if _is_installed(module)]


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(main())

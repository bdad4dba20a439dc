"""Runs one of the project's commands where there is no shell: as an EMR Serverless batch run or a SageMaker job.

run_command.py --result s3://bucket/runs/ID/train.json -- model train --json

Calls `moodstream COMMAND ...`, or another module's `main()`, in this process. Stores the command's last line, which is
one JSON object, at the URL, where the workflow reads the result.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit


class _Tee(io.TextIOBase):
    """Writes everything to the log and keeps the last line that is not blank."""

    def __init__(self, log: io.TextIOBase) -> None:
        self.log, self.last, self._open = log, "", ""

    def write(self, text: str) -> int:
        *whole, self._open = (self._open + text).split("\n")
        for line in whole:
            self.last = line if line.strip() else self.last
        return self.log.write(text)

    def flush(self) -> None:
        self.log.flush()


def run(module: str, command: Sequence[str]) -> tuple[int, str, str]:
    """Call the module's `main()` with `command` as arguments; returns exit code, last output line, last error line."""
    main_of = importlib.import_module(module).main
    output, errors = _Tee(sys.stdout), _Tee(sys.stderr)  # type: ignore[arg-type]
    sys.argv = [module, *command]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            code = main_of()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return code, output.last, errors.last


def store(result: str, code: int, last: str, error: str) -> None:
    """Write the exit code, the command's JSON object (null if it wrote none) and its error line to an s3:// URL."""
    import boto3

    try:
        output = json.loads(last)
    except ValueError:
        output = None
    where = urlsplit(result)
    body = json.dumps({"exit_code": code, "output": output, "error": error}).encode()
    boto3.client("s3").put_object(Bucket=where.netloc, Key=where.path.lstrip("/"), Body=body)


def main(argv: Sequence[str]) -> int:
    """Run the command and store its result; returns the command's exit code."""
    parser = argparse.ArgumentParser(description="Run a moodstream command and store its result.")
    parser.add_argument("--result", required=True, help="s3:// URL of a JSON file")
    parser.add_argument("--module", default="moodstream", help="whose main() to call (default: %(default)s)")
    parser.add_argument("command", nargs="+", help="the command and its options, after --")
    given = parser.parse_args(argv)
    code, last, error = run(given.module, given.command)
    store(given.result, code, last, error)
    return code


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    # Some platforms count every SystemExit as a failure, even one with code 0.
    if ended:
        sys.exit(ended)

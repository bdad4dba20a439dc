"""The warehouse's statements are found where the job runs from an archive, not from a checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWN = """
from streaming.warehouse import statements
print(statements.__file__)
print(len(statements.migrations("postgres")), len(statements.migrations("redshift")))
print(statements.staged_columns("redshift", "freshness")[0])
"""


def test_statements_are_read_from_inside_a_zip_on_the_python_path(tmp_path: Path) -> None:
    archive = tmp_path / "moodstream.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in (ROOT / "streaming").rglob("*.py"):
            packed.write(path, path.relative_to(ROOT))
        for path in (ROOT / "sql").rglob("*.sql"):
            packed.write(path, Path("streaming") / path.relative_to(ROOT))
    done = subprocess.run(
        [sys.executable, "-P", "-c", SHOWN],
        cwd=tmp_path,
        env={"PYTHONPATH": str(archive)},
        capture_output=True,
        text=True,
        check=True,
    )
    where, counts, column = done.stdout.split("\n")[:3]
    assert str(archive) in where
    migrations = len(list((ROOT / "sql" / "postgres" / "migrations").iterdir()))
    assert counts == f"{migrations} {migrations}"
    assert column == "batch_id"

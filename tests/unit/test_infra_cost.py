from __future__ import annotations

import json

import pytest

from deploy.infra.cost import estimate, main, size
from moodstream import exit_code_of


def test_a_thousand_small_events_a_second_need_two_shards() -> None:
    assert size(1_000, 400, 15).shards == 2


def test_large_events_are_sized_by_their_bytes() -> None:
    assert size(1_000, 5_000, 15).shards == 8


def test_two_executors_are_the_least_so_that_losing_one_leaves_a_stream() -> None:
    assert size(1, 400, 15).executors == 2
    assert size(10_000, 400, 15).executors == 5


def test_the_total_is_the_sum_of_the_services() -> None:
    result = estimate(1_000, 400, 140, 15)
    assert result["total_usd_a_month"] == pytest.approx(sum(result["usd_a_month"].values()))


def test_more_events_cost_more_in_all_and_less_each() -> None:
    small, large = estimate(100, 400, 140, 15), estimate(10_000, 400, 140, 15)
    assert large["total_usd_a_month"] > small["total_usd_a_month"]
    assert large["usd_per_million_events"] < small["usd_per_million_events"]


def test_loading_every_quarter_of_an_hour_lets_the_warehouse_sleep() -> None:
    busy, sleepy = estimate(1_000, 400, 140, 15), estimate(1_000, 400, 140, 900)
    # Two hops wake it every fifteen minutes, for a minute each.
    share = sleepy["usd_a_month"]["redshift_serverless"] / busy["usd_a_month"]["redshift_serverless"]
    assert 2 / 15 <= share < 2 / 15 + 0.02


def test_the_optional_stacks_cost_where_they_are_deployed_and_nothing_elsewhere() -> None:
    without = estimate(1_000, 400, 140, 15)
    assert not {"connectors", "dashboard"} & without["usd_a_month"].keys()

    with_both = estimate(1_000, 400, 140, 15, connectors=2, authors=3)
    assert with_both["usd_a_month"]["dashboard"] == 72
    one = estimate(1_000, 400, 140, 15, connectors=1)["usd_a_month"]["connectors"]
    assert with_both["usd_a_month"]["connectors"] == pytest.approx(2 * one, abs=0.02)
    added = with_both["total_usd_a_month"] - without["total_usd_a_month"]
    assert added == pytest.approx(2 * one + 72, abs=0.02)


def test_a_negative_number_of_connectors_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of("moodstream cost", main, ["--events-per-second", "1", "--connectors", "-1"], {}) == 2
    assert "expected 0 or more" in capsys.readouterr().err


def test_a_managed_api_costs_300_dollars_for_a_million_short_posts() -> None:
    result = estimate(1_000, 400, 140, 15)
    posts = result["millions_of_events"] / 2
    assert result["managed_api_usd_a_month"] / posts == pytest.approx(300, rel=0.01)


def test_the_last_line_of_json_output_is_one_object_with_the_date_of_its_prices(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--events-per-second", "1000", "--json"], {}) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["prices"]["date"]


@pytest.mark.parametrize("rate", ["0", "-1", "many", "nan", "1e9"])
def test_a_rate_that_is_none_is_wrong_use_in_one_line(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of("moodstream cost", main, [f"--events-per-second={rate}"], {}) == 2
    error = capsys.readouterr().err
    assert error.startswith("moodstream cost: ")
    assert error.count("\n") == 1

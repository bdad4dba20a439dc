"""`moodstream cost`: estimates the monthly cost on AWS of a rate of events, for each service.

With `--measured LAKE`, what the job measured of itself (gold/cost_by_minute) stands beside the estimate for its rate.

`Sizing` derives shards, executors and warehouse hours from the rate; `prices.toml` (dated, with its sources) has the
prices. docs/deploy/sizing.md has the measurements behind the constants.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from deploy.local.errors import UsageError

PRICES = Path(__file__).with_name("prices.toml")
HOURS = 730.0  # in a month
SECONDS = HOURS * 3600
GB = 1e9
RETENTION_DAYS = 7
SHARD_RECORDS, SHARD_BYTES = 1_000, 1_000_000  # a second and shard: Kinesis' limits
SHARD_FILL = 0.7  # partition keys are skewed: plan to fill shards up to this share
EXECUTOR_EVENTS = 2_000  # a second, for an executor with 4 vCPU and 10 GB
SCORED_SHARE = 0.5  # posts and comments: the share of events that are scored
READERS = 2  # of the stream: the job and the archive
LEAST_EXECUTORS = 2
DRIVER_VCPU, DRIVER_GB = 2, 10
EXECUTOR_VCPU, EXECUTOR_GB = 4, 10
DPU_VCPU = 4  # of Glue, with 16 GB
EXAMPLES = """\
examples:
  moodstream cost --events-per-second 1000
  moodstream cost --events-per-second 1000 --load-every 900   a warehouse that sleeps more and costs less
  moodstream cost --events-per-second 1000 --connectors 2 --dashboard-authors 3   with the optional stacks
  moodstream cost --events-per-second 200 --bytes 600 --json
  moodstream cost --measured moodstream-demo/lake     what the job measured of itself, beside the estimate
"""
CONNECTOR_VCPU, CONNECTOR_GB = 0.25, 0.5  # of a connector's task (deploy/infra/sources.py)
CONNECTOR_METRICS = 3  # connectors/metrics.py


@dataclass(frozen=True)
class Sizing:
    """The resources for a rate. Rates are events a second, sizes are bytes."""

    events_per_second: float
    event_bytes: int
    shards: int
    executors: int
    warehouse_rpu: int
    warehouse_busy_share: float
    stored_gb_month: float  # added to the lake in a month: bronze, silver and gold, compressed

    @property
    def gb_in(self) -> float:
        """Gigabytes into the stream in a month."""
        return self.events_per_second * self.event_bytes * SECONDS / GB

    @property
    def millions(self) -> float:
        """Millions of events in a month."""
        return self.events_per_second * SECONDS / 1e6


def size(events_per_second: float, event_bytes: int, load_every: float) -> Sizing:
    """Shards, executors and warehouse for a steady rate."""
    by_records = events_per_second / (SHARD_RECORDS * SHARD_FILL)
    by_bytes = events_per_second * event_bytes / (SHARD_BYTES * SHARD_FILL)
    return Sizing(
        events_per_second=events_per_second,
        event_bytes=event_bytes,
        shards=max(1, math.ceil(max(by_records, by_bytes))),
        executors=max(LEAST_EXECUTORS, math.ceil(events_per_second / EXECUTOR_EVENTS)),
        warehouse_rpu=8 if events_per_second <= 5_000 else 32,
        # Redshift Serverless bills at least a minute for each activity: with frequent loads it never sleeps. Facts
        # (hop `load`) and aggregates (hop `serve`) come at times of their own, so each of them wakes it.
        warehouse_busy_share=min(1.0, 2 * 60 / load_every),
        # Raw JSON compresses to about a quarter; bronze and silver each hold it.
        stored_gb_month=events_per_second * event_bytes * SECONDS / GB * 0.5,
    )


def monthly(sizing: Sizing, prices: Mapping[str, Any]) -> dict[str, float]:
    """Service -> USD a month."""
    return {
        "kinesis": _kinesis(sizing, prices["kinesis"]),
        "firehose": sizing.gb_in * max(1.0, 5_000 / sizing.event_bytes) * prices["firehose"]["gb"],
        "emr_serverless": _emr(sizing, prices["emr_serverless"]),
        "s3": _s3(sizing, prices["s3"]),
        "redshift_serverless": sizing.warehouse_rpu
        * sizing.warehouse_busy_share
        * HOURS
        * prices["redshift_serverless"]["rpu_hour"]
        + sizing.stored_gb_month * prices["redshift_serverless"]["storage_gb_month"],
        "network": _network(sizing, prices["network"]),
        "airflow": HOURS * prices["mwaa"]["micro_environment_hour"],
        "watching": _watching(prices["cloudwatch"]),
        "keys_and_secrets": prices["kms"]["key_month"]
        + 100 * prices["kms"]["ten_thousand_requests"]
        + prices["secrets_manager"]["secret_month"],
        "crawlers": 2 * 24 * 30 * (1 / 6) * prices["glue"]["dpu_hour"],  # two an hour, ten minutes' minimum, 1 DPU
    }


def managed_api(sizing: Sizing, prices: Mapping[str, Any], characters: int) -> float:
    """USD a month for sending every post and comment to Amazon Comprehend instead of scoring it in the stream."""
    units = max(int(prices["comprehend"]["minimum_units"]), math.ceil(characters / 100))
    price = float(prices["comprehend"]["unit"])
    return sizing.millions * 1e6 * SCORED_SHARE * float(units) * price


def _kinesis(sizing: Sizing, price: Mapping[str, float]) -> float:
    """The cheaper of both modes; on demand bills at least 1 KB a record."""
    billed_gb = sizing.events_per_second * max(1_000, sizing.event_bytes) * SECONDS / GB
    on_demand = (
        HOURS * price["on_demand_stream_hour"]
        + billed_gb * price["on_demand_gb_in"]
        + billed_gb * READERS * price["on_demand_gb_out"]
    )
    hourly = price["shard_hour"] + price["extended_retention_shard_hour"]
    put_units = math.ceil(sizing.event_bytes / 25_000) * sizing.millions
    provisioned = sizing.shards * HOURS * hourly + put_units * price["million_put_units"]
    return min(on_demand, provisioned)


def _emr(sizing: Sizing, price: Mapping[str, float]) -> float:
    memory = DRIVER_GB + EXECUTOR_GB * sizing.executors
    return HOURS * (cores(sizing.executors) * price["vcpu_hour"] + memory * price["gb_hour"])


def cores(executors: int) -> int:
    """The vCPU that a job with so many executors holds."""
    return DRIVER_VCPU + EXECUTOR_VCPU * executors


def core_hour_usd(executors: int = LEAST_EXECUTORS) -> float:
    """USD for an hour of one of the job's vCPU on EMR Serverless, with its share of the memory."""
    price = tomllib.loads(PRICES.read_text())["emr_serverless"]
    return _emr(replace(size(0, 0, 60), executors=executors), price) / HOURS / cores(executors)


def core_hour_usd_on_glue() -> float:
    """The same on Glue, which sells vCPU and memory together."""
    return float(tomllib.loads(PRICES.read_text())["glue"]["dpu_hour"]) / DPU_VCPU


def _s3(sizing: Sizing, price: Mapping[str, float]) -> float:
    """Storage is the mean of a year of growth; requests of commits and checkpoints do not depend on the rate."""
    commits = SECONDS / 2 * 8 + SECONDS / 10 * 40  # hops at 2 s with 4 puts each, gold at 10 s
    storage = sizing.stored_gb_month * 6 * price["standard_gb_month"]
    landing = sizing.gb_in * 0.2 * 6 * price["glacier_ir_gb_month"]
    return storage + landing + commits / 1000 * price["thousand_puts"] + commits * 5 / 1000 * price["thousand_gets"]


def _network(sizing: Sizing, price: Mapping[str, float]) -> float:
    endpoints = 5 * 2 * HOURS * price["endpoint_zone_hour"]
    return HOURS * price["nat_hour"] + 10 * price["nat_gb"] + endpoints + sizing.gb_in * price["endpoint_gb"]


def _watching(price: Mapping[str, float]) -> float:
    metrics, alarms, log_gb = 6 * 6 + 3, 26, 20
    return (
        metrics * price["metric_month"]
        + alarms * price["alarm_month"]
        + price["dashboard_month"]
        + log_gb * price["logs_gb"]
    )


def optional(connectors: int, authors: int, prices: Mapping[str, Any]) -> dict[str, float]:
    """USD a month of the stacks that few deploy, by service; nothing for those that are not deployed.

    `connectors`: stacks like `sources`, each a container that never sleeps, with its metrics and its alarm.
    """
    fargate, watch = prices["fargate"], prices["cloudwatch"]
    task = HOURS * (CONNECTOR_VCPU * fargate["vcpu_hour"] + CONNECTOR_GB * fargate["gb_hour"])
    each = task + CONNECTOR_METRICS * watch["metric_month"] + watch["alarm_month"]
    found = {"connectors": connectors * each, "dashboard": authors * prices["quicksight"]["author_month"]}
    return {name: usd for name, usd in found.items() if usd}


def estimate(
    events_per_second: float,
    event_bytes: int,
    characters: int,
    load_every: float,
    connectors: int = 0,
    authors: int = 0,
) -> dict[str, Any]:
    """The whole estimate: sizing, USD a month by service and in total, the price of a managed API, dates.

    `connectors` and `authors`: how many stacks like `sources` there are, and how many authors of the dashboard.
    """
    prices = tomllib.loads(PRICES.read_text())
    sizing = size(events_per_second, event_bytes, load_every)
    bill = {**monthly(sizing, prices), **optional(connectors, authors, prices)}
    services = {name: round(usd, 2) for name, usd in bill.items()}
    total = round(sum(services.values()), 2)
    return {
        "events_per_second": events_per_second,
        "millions_of_events": round(sizing.millions, 1),
        "sizing": asdict(sizing),
        "usd_a_month": services,
        "total_usd_a_month": total,
        "usd_per_million_events": round(total / sizing.millions, 2),
        "managed_api_usd_a_month": round(managed_api(sizing, prices, characters), 2),
        "prices": {"date": prices["date"], "region": prices["region"]},
    }


def measured(lake: str, now: datetime) -> dict[str, Any]:
    """What the job measured of itself in the day before `now` (gold/cost_by_minute), and the estimate for that rate.

    `job_usd_per_million_events` is what the held cores cost; the estimate beside it is that of the job alone. Raises
    UsageError if nothing was measured.
    """
    # Not above: the templates of AWS are made where there is no delta-rs.
    from streaming.delta.tables import recent
    from streaming.files import NO_CREDENTIALS, lacks_credentials
    from streaming.settings import Settings
    from streaming.tables import gold_cost_by_minute

    settings = Settings(lake=lake, checkpoints=f"{lake}/_checkpoints", stream="")
    try:
        rows = recent(settings, gold_cost_by_minute.TABLE, now - timedelta(days=1), now)
    except OSError as error:
        why = NO_CREDENTIALS if lacks_credentials(error) else " ".join(str(error).split())[:300]
        raise UsageError(f"--measured: cannot read {lake}: {why}") from error
    total = {name: sum(row[name] or 0.0 for row in rows) for name, _ in gold_cost_by_minute.VALUES}
    if not total["events"]:
        raise UsageError(
            f"--measured: {gold_cost_by_minute.NAME} of {lake} has no minute with events in the last day; the job "
            "writes one a minute"
        )
    rate, millions = total["events"] / total["seconds"], total["events"] / 1e6
    priced = all(row["usd"] is not None for row in rows)
    sizing = size(rate, 1, 60)
    emr = _emr(sizing, tomllib.loads(PRICES.read_text())["emr_serverless"]) / sizing.millions
    found = {
        "minutes": len(rows),
        "events_per_second": round(rate, 1),
        "cores": round(total["core_s"] / total["seconds"], 1),
        "cpu_seconds_per_million_events": round(total["cpu_s"] / millions, 1),
        "job_usd_per_million_events": round(total["usd"] / millions, 4) if priced else None,
    }
    return {**found, "estimated_cores": cores(sizing.executors), "estimated_job_usd_per_million_events": round(emr, 4)}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="moodstream cost",
        description="Estimate the monthly cost on AWS of a steady rate of events.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--events-per-second", type=float, metavar="N", help="steady rate")
    what.add_argument(
        "--measured", metavar="LAKE", help="what the job measured in this lake in the last day, beside the estimate"
    )
    parser.add_argument("--bytes", type=int, default=400, help="size of an event (default: %(default)s)")
    parser.add_argument("--characters", type=int, default=140, help="of a text (default: %(default)s)")
    parser.add_argument(
        "--load-every",
        type=float,
        default=15,
        metavar="SECONDS",
        help="time between warehouse loads, of facts and of aggregates (default: %(default)s)",
    )
    parser.add_argument(
        "--connectors", type=int, default=0, metavar="N", help="stacks like `sources` (default: %(default)s)"
    )
    parser.add_argument(
        "--dashboard-authors",
        type=int,
        default=0,
        metavar="N",
        help="QuickSight authors, if the stack `dashboards` is deployed (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    return parser


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Print the estimate; returns 0. Raises UsageError."""
    del environ
    given = _parser().parse_args(list(argv))
    if given.measured is not None:
        found = measured(given.measured, datetime.now(UTC))
        sys.stdout.write(json.dumps(found) + "\n" if given.json else _beside(found))
        return 0
    if not 0 < given.events_per_second <= 1_000_000:
        raise UsageError(
            f"--events-per-second: received {given.events_per_second:g}, expected a number over 0 up to 1,000,000"
        )
    if min(given.bytes, given.characters, given.load_every) <= 0:
        raise UsageError("--bytes, --characters and --load-every: expected numbers over 0")
    if min(given.connectors, given.dashboard_authors) < 0:
        raise UsageError("--connectors and --dashboard-authors: expected 0 or more")
    result = estimate(
        given.events_per_second,
        given.bytes,
        given.characters,
        given.load_every,
        given.connectors,
        given.dashboard_authors,
    )
    sys.stdout.write(json.dumps(result) + "\n" if given.json else _table(result))
    return 0


def _beside(found: Mapping[str, Any]) -> str:
    price = found["job_usd_per_million_events"]
    told = "not known: the job has no --core-hour-usd" if price is None else f"{price:.4f}"
    return (
        f"measured in {found['minutes']} minutes: {found['events_per_second']:,.1f} events a second, "
        f"{found['cores']:g} cores, {found['cpu_seconds_per_million_events']:,.1f} CPU seconds a million events\n"
        f"{'the job, USD a million events':<32}{told:>12}\n"
        f"{'estimated for this rate':<32}{found['estimated_job_usd_per_million_events']:>12.4f}  "
        f"({found['estimated_cores']} cores)\n"
    )


def _table(result: Mapping[str, Any]) -> str:
    lines = [f"{name:<22}{usd:>12,.2f}" for name, usd in result["usd_a_month"].items()]
    lines.append(f"{'total, USD a month':<22}{result['total_usd_a_month']:>12,.2f}")
    lines.append(f"{'per million events':<22}{result['usd_per_million_events']:>12,.2f}")
    lines.append(f"{'a managed API instead':<22}{result['managed_api_usd_a_month']:>12,.2f}  (scoring alone)")
    lines.append(
        f"prices of {result['prices']['date']}, {result['prices']['region']}, without free tiers and discounts"
    )
    return "\n".join(lines) + "\n"

"""What the Kinesis connectors are told."""

from __future__ import annotations

import pytest

from streaming.errors import PermanentFailure
from streaming.settings import Settings
from streaming.sources.connector_build import Build, check
from streaming.sources.kinesis import dialect


def settings(connector: str, endpoint: str | None = None, start: str = "TRIM_HORIZON") -> Settings:
    return Settings(
        lake="/lake",
        checkpoints="/lake",
        stream="events",
        region="eu-west-1",
        kinesis_connector=connector,
        kinesis_endpoint=endpoint,
        starting_position=start,
    )


@pytest.mark.parametrize(("connector", "name"), [("qubole", "kinesis"), ("aws", "aws-kinesis")])
def test_each_connector_has_its_name(connector: str, name: str) -> None:
    assert dialect(settings(connector))[0] == name


@pytest.mark.parametrize(("connector", "option"), [("qubole", "startingposition"), ("aws", "kinesis.startingposition")])
def test_a_new_checkpoint_begins_where_it_is_told_to(connector: str, option: str) -> None:
    assert dialect(settings(connector, start="LATEST"))[1][option] == "LATEST"


@pytest.mark.parametrize(
    ("endpoint", "expected"), [(None, "https://kinesis.eu-west-1.amazonaws.com"), ("http://h:1", "http://h:1")]
)
@pytest.mark.parametrize(("connector", "option"), [("qubole", "endpointUrl"), ("aws", "kinesis.endpointUrl")])
def test_the_endpoint_is_the_regions_unless_another_is_named(
    connector: str, option: str, endpoint: str | None, expected: str
) -> None:
    assert dialect(settings(connector, endpoint))[1][option] == expected


def test_awslabs_pauses_longer_than_it_waits_so_that_a_batch_on_a_busy_shard_ends() -> None:
    options = dialect(settings("aws"))[1]
    wait_s = int(options["kinesis.internal.dataQueueWaitTimeoutSec"])
    assert int(options["kinesis.getRecords.fetchIntervalMs"]) > 1000 * wait_s


def test_awslabs_is_told_nothing_that_it_refuses() -> None:
    options = dialect(settings("aws"))[1]
    wait_s = int(options["kinesis.internal.dataQueueWaitTimeoutSec"])
    assert wait_s * int(options["kinesis.internal.maxDataQueueEmptyCount"]) > 5
    assert int(options["kinesis.maxFetchTimePerShardSec"]) >= 10


@pytest.mark.parametrize(
    ("connector", "option"),
    [("qubole", "kinesis.client.describeShardInterval"), ("aws", "kinesis.describeShardInterval")],
)
def test_the_shards_are_listed_before_every_batch(connector: str, option: str) -> None:
    assert dialect(settings(connector))[1][option] == "0s"


def test_the_build_that_was_tried_is_accepted() -> None:
    check(Build("file:/1.4.2.jar", frozenset({"openShards", "closedShards", "getLatestShardInfo"})))


@pytest.mark.parametrize(
    ("methods", "why"),
    [
        ({"updateShard", "isOpen"}, "loses records when a shard splits"),
        ({"updateShard", "openShards"}, "loses records when a shard splits"),
        (set(), "is a build that nobody has tried"),
    ],
)
def test_other_builds_are_refused_with_the_jar_and_what_to_do(methods: set[str], why: str) -> None:
    with pytest.raises(PermanentFailure, match=f"of file:/theirs.jar {why}; expected version 1.4.2, .* name its jar"):
        check(Build("file:/theirs.jar", frozenset(methods)))

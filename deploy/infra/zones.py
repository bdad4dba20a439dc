"""Zones of a region in which every service of the deployment is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# EMR Serverless is limited to these zones of a region; other regions have it in all.
# https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/endpoints-quotas.html
EMR_ZONES: Mapping[str, tuple[str, ...]] = {
    "us-east-1": ("use1-az1", "use1-az2", "use1-az4", "use1-az5", "use1-az6"),
    "us-east-2": ("use2-az1", "use2-az2", "use2-az3"),
    "us-west-1": ("usw1-az1", "usw1-az3"),
    "us-west-2": ("usw2-az1", "usw2-az2", "usw2-az3", "usw2-az4"),
    "ca-central-1": ("cac1-az1", "cac1-az2"),
}


def zones(region: str, ec2: Any) -> dict[str, str]:
    """The network's zone parameters; empty where the region's own order will do.

    An account sees zones under names of its own, so the ids decide: `us-east-1a` is another zone in every account.
    """
    if region not in EMR_ZONES:
        return {}
    listed = ec2.describe_availability_zones(Filters=[{"Name": "opt-in-status", "Values": ["opt-in-not-required"]}])
    known = [z["ZoneName"] for z in listed["AvailabilityZones"] if z["ZoneId"] in EMR_ZONES[region]]
    first, second = sorted(known)[:2]
    return {"FirstZone": first, "SecondZone": second}

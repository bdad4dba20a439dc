"""Replaces the intrinsic functions of the templates by the values that they have with default parameters.

Ids and ARNs that AWS would generate are made up in the form that the service gives them; each resource has its own, so
a rule can follow a reference from one template into another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ACCOUNT, REGION = "123456789012", "us-east-1"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": None,
}
ZONES = [f"{REGION}{letter}" for letter in "abcdef"]
# Parameters without a default, which `deploy` fills in.
GIVEN = {
    "Release": "0.1.0-0123456789ab",
    "DashboardAuthors": f"arn:aws:quicksight:{REGION}:{ACCOUNT}:group/default/team",
    "DashboardReaders": f"arn:aws:quicksight:{REGION}:{ACCOUNT}:group/default/readers",
    "SourceImage": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/moodstream/connect:0.1.0",
    "AnalystLogin": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:analyst-AbCdEf",
}

EC2_IDS = {
    "AWS::EC2::VPC": "vpc",
    "AWS::EC2::Subnet": "subnet",
    "AWS::EC2::SecurityGroup": "sg",
    "AWS::EC2::RouteTable": "rtb",
    "AWS::EC2::InternetGateway": "igw",
    "AWS::EC2::NatGateway": "nat",
    "AWS::EC2::VPCEndpoint": "vpce",
}
# Resources whose `Ref` is an ARN; and the part of an ARN between account and name.
REF_IS_ARN = {"AWS::SNS::Topic", "AWS::IAM::ManagedPolicy", "AWS::ECS::TaskDefinition"}
ARN_KINDS = {
    "AWS::IAM::Role": "iam::{account}:role/",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy/",
    "AWS::S3::Bucket": "s3:::",
    "AWS::SNS::Topic": "sns:{region}:{account}:",
    "AWS::SQS::Queue": "sqs:{region}:{account}:",
    "AWS::KMS::Key": "kms:{region}:{account}:key/",
    "AWS::Kinesis::Stream": "kinesis:{region}:{account}:stream/",
    "AWS::KinesisFirehose::DeliveryStream": "firehose:{region}:{account}:deliverystream/",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:",
    "AWS::SageMaker::MlflowApp": "sagemaker:{region}:{account}:mlflow-app/",
    "AWS::RedshiftServerless::Workgroup": "redshift-serverless:{region}:{account}:workgroup/",
    "AWS::EMRServerless::Application": "emr-serverless:{region}:{account}:/applications/",
    "AWS::ECS::TaskDefinition": "ecs:{region}:{account}:task-definition/",
    "AWS::Events::Rule": "events:{region}:{account}:rule/",
    "AWS::QuickSight::DataSet": "quicksight:{region}:{account}:dataset/",
    "AWS::QuickSight::DataSource": "quicksight:{region}:{account}:datasource/",
    "AWS::QuickSight::Analysis": "quicksight:{region}:{account}:analysis/",
    "AWS::QuickSight::VPCConnection": "quicksight:{region}:{account}:vpcConnection/",
}


@dataclass(frozen=True)
class Resource:
    """A resource with resolved properties. `ref` is what `Ref` gives: its name, id or ARN."""

    stack: str
    name: str
    type: str
    ref: str
    properties: dict[str, Any]

    @property
    def label(self) -> str:
        """How a finding names it."""
        return f"{self.stack}/{self.name} ({self.type})"


class Templates:
    """All templates of the application, resolved together: exports of one are imported by another."""

    def __init__(self, templates: Mapping[str, Any]) -> None:
        self._templates = templates
        self._exports: dict[str, tuple[str, Any]] = {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack, template in templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def resources(self, *types: str) -> Iterator[Resource]:
        """Those of the given types, or all; resources whose condition is false with default parameters are left out."""
        for stack, template in self._templates.items():
            for name, found in template["Resources"].items():
                if (types and found["Type"] not in types) or not self._exists(stack, found):
                    continue
                properties = self.value(stack, found.get("Properties", {}))
                yield Resource(stack, name, found["Type"], self._ref(stack, name), properties)

    def value(self, stack: str, found: Any) -> Any:
        """`found`, a part of the stack's template, without intrinsic functions. Parts set to NoValue are left out."""
        if isinstance(found, list):
            return [value for part in found if (value := self.value(stack, part)) is not None]
        if not isinstance(found, dict):
            return found
        if (len(found) == 1 and (name := next(iter(found))) in ("Ref", "Condition")) or _is_function(found):
            name = next(iter(found))
            return self._called(stack, name.removeprefix("Fn::"), found[name])
        resolved = {key: self.value(stack, part) for key, part in found.items()}
        return {key: value for key, value in resolved.items() if value is not None}

    def _exists(self, stack: str, resource: Mapping[str, Any]) -> bool:
        condition = resource.get("Condition")
        return condition is None or bool(self._called(stack, "Condition", condition))

    def _called(self, stack: str, function: str, given: Any) -> Any:
        if function == "Ref":
            return self._ref(stack, given)
        if function == "Condition":
            return self.value(stack, self._templates[stack]["Conditions"][given])
        if function == "GetAtt":
            return self._attribute(stack, *given)
        if function == "If":
            condition, yes, no = given
            return self.value(stack, yes if self._called(stack, "Condition", condition) else no)
        if function == "ImportValue":
            home, value = self._exports[self.value(stack, given)]
            return self.value(home, value)
        values = self.value(stack, given)
        functions: Mapping[str, Callable[[], Any]] = {
            "Join": lambda: values[0].join(map(str, values[1])),
            "Select": lambda: values[1][int(values[0])],
            "GetAZs": lambda: ZONES,
            "Split": lambda: values[1].split(values[0]),
            "Equals": lambda: values[0] == values[1],
            "Not": lambda: not values[0],
            "And": lambda: all(values),
            "Or": lambda: any(values),
        }
        return functions[function]()

    def _ref(self, stack: str, name: str) -> Any:
        if name == "AWS::StackName":
            return f"moodstream-{stack}"
        if name in PSEUDO:
            return PSEUDO[name]
        template = self._templates[stack]
        if name in template.get("Parameters", {}):
            return template["Parameters"][name].get("Default", GIVEN.get(name, ""))
        kind = template["Resources"][name]["Type"]
        return self._attribute(stack, name, "Arn") if kind in REF_IS_ARN else self._id(stack, name)

    def _id(self, stack: str, name: str) -> str:
        resource = self._templates[stack]["Resources"][name]
        kind, digest = resource["Type"], hashlib.sha256(f"{stack}/{name}".encode()).hexdigest()
        if kind in EC2_IDS:
            return f"{EC2_IDS[kind]}-{digest[:17]}"
        if kind == "AWS::KMS::Key":
            return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
        if kind == "AWS::SageMaker::MlflowApp":
            return f"app-{digest[:12].upper()}"
        if kind == "AWS::EMRServerless::Application":
            return f"00{digest[:14]}"
        own = resource.get("Properties", {})
        short = kind.rsplit("::", 1)[-1]
        given = own.get("Name") or own.get(f"{short}Name") or own.get(f"{short}Id")
        if isinstance(given, str):
            return given
        return f"moodstream-{stack}-{name}".lower() if kind == "AWS::S3::Bucket" else f"moodstream-{stack}-{name}"

    def _attribute(self, stack: str, name: str, attribute: str) -> str:
        kind, own = self._templates[stack]["Resources"][name]["Type"], self._id(stack, name)
        if attribute.endswith("Arn") and kind in ARN_KINDS:
            end = ":*" if kind == "AWS::Logs::LogGroup" else ""
            return f"arn:aws:{ARN_KINDS[kind].format(account=ACCOUNT, region=REGION)}{own}{end}"
        return own


def _is_function(found: Mapping[str, Any]) -> bool:
    return len(found) == 1 and next(iter(found)).startswith("Fn::")

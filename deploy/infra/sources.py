"""A connector on ECS Fargate: one small container that reads one real source into the stream.

Optional: deployed if the parameter `SourceImage` is given (docs/connect.md). A second source is a second stack of the
same template; each has its own cursor, role and alarm.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws, CfnCondition, CfnOutput, CfnParameter, Fn, RemovalPolicy, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from constructs import Construct

from connectors.settings import CREDENTIALS, SOURCES
from deploy.infra import actors, alarms, containers, source_roles
from deploy.infra.data import DataStack
from deploy.infra.network import NetworkStack
from deploy.infra.source_roles import REPOSITORY
from deploy.infra.stream import StreamStack

# A put is retried for 10 s after SIGTERM, may last 30 s more, and then the cursor is written; 120 is Fargate's limit.
STOP_SECONDS = 90


class SourcesStack(Stack):
    """Cluster, task and service of one connector, its two roles, its log, and the alarm on its silence."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        data: DataStack,
        stream: StreamStack,
        network: NetworkStack,
        **kwargs: object,
    ) -> None:
        super().__init__(scope, name, **kwargs)
        self.data, self.stream = data, stream.stream
        self._parameters()
        self.cursor = f"cursors/{Aws.STACK_NAME}/{self.source}.json"
        self.log_group = logs.LogGroup(
            self,
            "SourceLog",
            retention=logs.RetentionDays.ONE_MONTH,
            encryption_key=data.key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        service = self._service(self._task(), network)
        [silent] = alarms.entries("sources")
        name, dimensions = f"{silent['name']}-{self.source}", {"Source": self.source}
        alarms.make(self, "SourceSilent", silent, data.topic, name=name, dimensions=dimensions, periods=self.silence)
        CfnOutput(self, "SourceServiceName", value=service.attr_name)
        CfnOutput(self, "SourceLogGroupName", value=self.log_group.log_group_name)

    def _parameters(self) -> None:
        def text(name: str, description: str, **more: Any) -> str:
            return CfnParameter(self, name, description=description, **more).value_as_string

        # A container has no file of the user's.
        readable = [source for source in SOURCES if source != "file"]
        self.source = text("Source", "Which source to read", default="bluesky", allowed_values=readable)
        self.items = text(
            "SourceItems",
            "What to read there, and options of `moodstream connect`, with a blank between two of them",
            default="",
            allowed_pattern=r"^(\S+( \S+)*)?$",
        )
        self.image = text(
            "SourceImage",
            f"Image in this account's repository {REPOSITORY}",
            allowed_pattern=containers.image_pattern(REPOSITORY),
        )
        self.secret = text(
            "SourceCredentials",
            "ARN of the secret with the source's credentials (empty: none)",
            default="",
            allowed_pattern=r"^(arn:aws[\w-]*:secretsmanager:[\w-]+:\d+:secret:.+)?$",
        )
        self.silence = CfnParameter(
            self,
            "SilenceMinutes",
            type="Number",
            default=15,
            min_value=5,
            max_value=1440,
            description="Minutes without an event after which the alarm fires",
        ).value_as_number
        self.has_items = self._condition("HasSourceItems", Fn.condition_not(Fn.condition_equals(self.items, "")))
        self.has_secret = self._condition("HasSourceSecret", Fn.condition_not(Fn.condition_equals(self.secret, "")))

    def _condition(self, name: str, expression: Any) -> CfnCondition:
        return CfnCondition(self, name, expression=expression)

    def _task(self) -> ecs.CfnTaskDefinition:
        execution = source_roles.execution(
            self, log_group=self.log_group, key=self.data.key, secret=self.secret, has_secret=self.has_secret
        )
        role = source_roles.task(self, stream=self.stream, lake=self.data.lake, key=self.data.key, cursor=self.cursor)
        container = ecs.CfnTaskDefinition.ContainerDefinitionProperty(
            name="connector",
            image=self.image,
            command=Fn.split(" ", self._command()),
            essential=True,
            user=containers.USER,
            readonly_root_filesystem=True,
            stop_timeout=STOP_SECONDS,
            linux_parameters=containers.linux(),
            log_configuration=containers.log_to(self, self.log_group, self.source),
        )
        task = ecs.CfnTaskDefinition(
            self,
            "SourceTask",
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            # The half million ids that a connector remembers take 90 MB.
            cpu="256",
            memory="512",
            runtime_platform=ecs.CfnTaskDefinition.RuntimePlatformProperty(
                cpu_architecture="X86_64", operating_system_family="LINUX"
            ),
            execution_role_arn=execution.role_arn,
            task_role_arn=role.role_arn,
            container_definitions=[container],
        )
        task.add_property_override("ContainerDefinitions.0.Secrets", self._secrets())
        return task

    def _command(self) -> str:
        """The words after the entry point, with a blank between two of them; options first, since items end them."""
        options = ["--stream", self.stream.stream_name, "--metrics-namespace", actors.NAMESPACE]
        options += ["--cursor", f"s3://{self.data.lake.bucket_name}/{self.cursor}", "--region", self.region]
        alone = " ".join([*options, self.source])
        return Fn.condition_if(self.has_items.logical_id, f"{alone} {self.items}", alone).to_string()

    def _secrets(self) -> list[dict[str, Any]]:
        """The credentials of the container: those of its source alone, since ECS starts none whose secret lacks one."""
        wanted = {
            source: self._condition(
                f"{source.title()}LogsIn",
                Fn.condition_and(self.has_secret, Fn.condition_equals(self.source, source)),
            )
            for source in sorted({_source_of(name) for name in CREDENTIALS})
        }
        return [
            {
                "Fn::If": [
                    wanted[_source_of(name)].logical_id,
                    {"Name": name, "ValueFrom": f"{self.secret}:{name}::"},
                    {"Ref": "AWS::NoValue"},
                ]
            }
            for name in CREDENTIALS
        ]

    def _service(self, task: ecs.CfnTaskDefinition, network: NetworkStack) -> ecs.CfnService:
        group = containers.way_out(
            self, "SourceGroup", network, description="Moodstream: a connector", door="FromSource"
        )
        cluster = ecs.CfnCluster(
            self,
            "SourceCluster",
            cluster_settings=[ecs.CfnCluster.ClusterSettingsProperty(name="containerInsights", value="enabled")],
        )
        # Never two at once: they would write the cursor in turns. A stopped connector loses nothing.
        return containers.service(
            self, "SourceService", cluster=cluster, task=task, network=network, group=group, at_most=100
        )


def _source_of(credential: str) -> str:
    """`REDDIT_CLIENT_ID` is a credential of `reddit`."""
    return credential.partition("_")[0].lower()

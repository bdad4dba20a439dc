"""The dashboard on ECS Fargate: a small container that may read gold, silver and the log of bronze, and write nothing.

Optional: deployed if the parameter `PagesImage` is given (docs/dashboard.md). Nobody can connect to it: it listens on
its own loopback address, and its security group lets nobody in. Whom IAM lets open a session to the task forwards the
port to their own machine, so the account's own sign-in is the only door, and no certificate or domain is needed.
"""

from __future__ import annotations

from aws_cdk import Aws, CfnOutput, CfnParameter, RemovalPolicy, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy.infra import actors, containers
from deploy.infra.actors import Grant
from deploy.infra.data import DataStack
from deploy.infra.nag import allow
from deploy.infra.network import NetworkStack

REPOSITORY = "moodstream/dashboard"
PORT = 8501  # as in deploy/dashboard/Dockerfile
# Where the file system may be written: by Streamlit, and by the agent that ECS puts into the container for sessions.
WRITABLE = {"scratch": "/tmp", "agent": "/var/lib/amazon", "agent-log": "/var/log/amazon"}  # noqa: S108
TABLES = ("silver/", "gold/", "bronze/")


class PagesStack(Stack):
    """Cluster, task and service of the dashboard, its two roles and its log."""

    def __init__(
        self, scope: Construct, name: str, *, data: DataStack, network: NetworkStack, **kwargs: object
    ) -> None:
        super().__init__(scope, name, **kwargs)
        self.data = data
        self.image = CfnParameter(
            self,
            "PagesImage",
            description=f"Image in this account's repository {REPOSITORY}",
            allowed_pattern=containers.image_pattern(REPOSITORY),
        ).value_as_string
        self.log_group = logs.LogGroup(
            self,
            "PagesLog",
            retention=logs.RetentionDays.ONE_MONTH,
            encryption_key=data.key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        cluster = ecs.CfnCluster(
            self,
            "PagesCluster",
            cluster_settings=[ecs.CfnCluster.ClusterSettingsProperty(name="containerInsights", value="enabled")],
        )
        service = self._service(cluster, self._task(), network)
        CfnOutput(self, "PagesClusterName", value=cluster.ref)
        CfnOutput(self, "PagesServiceName", value=service.attr_name)

    def _role(self) -> iam.Role:
        """The role of the dashboard itself: it reads, and keeps a channel for sessions."""
        lake = self.data.lake
        read = [lake.arn_for_objects(path) for path in ("silver/*", "gold/*", "bronze/*/_delta_log/*")]
        channels = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
        grants = [
            Grant("ReadTables", ["s3:GetObject"], read, why="a table's files have names of their own"),
            actors.list_bucket(lake, "FindTables", TABLES),
            actors.use_key(self.data.key, writes=False),
            Grant(
                "ForwardPort",
                [f"ssmmessages:{channel}" for channel in channels],
                ["*"],
                why="the actions know no resource-level permission",
            ),
        ]
        return actors.role(
            self, "PagesRole", containers.SERVICE, grants, description="Moodstream: the dashboard reads the lake"
        )

    def _task(self) -> ecs.CfnTaskDefinition:
        execution = containers.execution(
            self,
            "PagesExecutionRole",
            repository=REPOSITORY,
            log_group=self.log_group,
            description="Moodstream: ECS starts the dashboard's container",
        )
        definition = ecs.CfnTaskDefinition
        container = definition.ContainerDefinitionProperty(
            name="dashboard",
            image=self.image,
            command=[f"s3://{self.data.lake.bucket_name}"],
            environment=[definition.KeyValuePairProperty(name="AWS_REGION", value=Aws.REGION)],
            essential=True,
            user=containers.USER,
            readonly_root_filesystem=True,
            mount_points=[
                definition.MountPointProperty(source_volume=name, container_path=path, read_only=False)
                for name, path in WRITABLE.items()
            ],
            linux_parameters=containers.linux(),
            log_configuration=containers.log_to(self, self.log_group, "dashboard"),
        )
        task = definition(
            self,
            "PagesTask",
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu="512",
            memory="2048",
            runtime_platform=definition.RuntimePlatformProperty(
                cpu_architecture="X86_64", operating_system_family="LINUX"
            ),
            execution_role_arn=execution.role_arn,
            task_role_arn=self._role().role_arn,
            volumes=[definition.VolumeProperty(name=name) for name in WRITABLE],
            container_definitions=[container],
        )
        allow(task, "AwsSolutions-ECS2", "the only variable is the region, which is no secret")
        return task

    def _service(self, cluster: ecs.CfnCluster, task: ecs.CfnTaskDefinition, network: NetworkStack) -> ecs.CfnService:
        group = containers.way_out(
            self, "PagesGroup", network, description="Moodstream: the dashboard", door="FromPages"
        )
        # Sessions reach the container through the agent that `reachable` adds.
        return containers.service(
            self, "PagesService", cluster=cluster, task=task, network=network, group=group, at_most=200, reachable=True
        )

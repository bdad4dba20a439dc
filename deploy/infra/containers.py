"""What every container on ECS Fargate shares: the role that starts it, its image, and its way out of the network."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from deploy.infra import actors
from deploy.infra.actors import Grant
from deploy.infra.network import NetworkStack

SERVICE = "ecs-tasks.amazonaws.com"
USER = "10001"  # as in the Dockerfiles


def image_pattern(repository: str) -> str:
    """What the parameter of an image must look like: a tag or digest of this repository in some account."""
    return rf"^[0-9]+\.dkr\.ecr\.[a-z0-9-]+\.[a-z.]+/{repository}(:[\w.-]+|@sha256:[0-9a-f]+)$"


def execution(stack: Stack, name: str, *, repository: str, log_group: logs.ILogGroup, description: str) -> iam.Role:
    """The role in which ECS fetches the image and writes the log."""
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    group = stack.format_arn(
        service="logs", resource="log-group", resource_name=log_group.log_group_name, arn_format=actors.COLON
    )
    grants = [
        Grant(
            "LogInToTheRegistry",
            ["ecr:GetAuthorizationToken"],
            ["*"],
            why="the action knows no resource-level permission",
        ),
        Grant("PullImage", pull, [stack.format_arn(service="ecr", resource="repository", resource_name=repository)]),
        actors.write_logs("WriteLogs", group),
    ]
    return actors.role(stack, name, SERVICE, grants, description=description)


def way_out(stack: Stack, name: str, network: NetworkStack, *, description: str, door: str) -> ec2.SecurityGroup:
    """A security group that lets nobody in, and lets its container out over TLS.

    `door`: logical id of the rule that lets it into the network's endpoints. Inside the network the names of their
    services lead there, and they admit only whom they know.
    """
    group = ec2.SecurityGroup(stack, name, vpc=network.vpc, description=description, allow_all_outbound=False)
    group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "AWS APIs and the source over TLS")
    ec2.CfnSecurityGroupIngress(
        stack,
        door,
        group_id=network.endpoints.security_group_id,
        source_security_group_id=group.security_group_id,
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        description="AWS APIs from a container",
    )
    return group


def log_to(stack: Stack, group: logs.ILogGroup, prefix: str) -> ecs.CfnTaskDefinition.LogConfigurationProperty:
    """The container's output goes to a log group; a log that cannot be written holds nothing up."""
    return ecs.CfnTaskDefinition.LogConfigurationProperty(
        log_driver="awslogs",
        options={
            "awslogs-group": group.log_group_name,
            "awslogs-region": stack.region,
            "awslogs-stream-prefix": prefix,
            "mode": "non-blocking",
        },
    )


def linux(**more: bool) -> ecs.CfnTaskDefinition.LinuxParametersProperty:
    """No capabilities, and an init process, which passes SIGTERM on before the program has a handler."""
    return ecs.CfnTaskDefinition.LinuxParametersProperty(
        capabilities=ecs.CfnTaskDefinition.KernelCapabilitiesProperty(drop=["ALL"]), init_process_enabled=True, **more
    )


def service(
    stack: Stack,
    name: str,
    *,
    cluster: ecs.CfnCluster,
    task: ecs.CfnTaskDefinition,
    network: NetworkStack,
    group: ec2.SecurityGroup,
    at_most: int,
    reachable: bool | None = None,
) -> ecs.CfnService:
    """One container that runs all the time, without a public address.

    `at_most`: tasks during a deployment, in percent of one. `reachable`: whether sessions of SSM may enter it.
    """
    return ecs.CfnService(
        stack,
        name,
        cluster=cluster.ref,
        task_definition=task.ref,
        launch_type="FARGATE",
        platform_version="LATEST",
        desired_count=1,
        enable_execute_command=reachable,
        deployment_configuration=ecs.CfnService.DeploymentConfigurationProperty(
            maximum_percent=at_most,
            minimum_healthy_percent=0,
            deployment_circuit_breaker=ecs.CfnService.DeploymentCircuitBreakerProperty(enable=True, rollback=True),
        ),
        network_configuration=ecs.CfnService.NetworkConfigurationProperty(
            awsvpc_configuration=ecs.CfnService.AwsVpcConfigurationProperty(
                assign_public_ip="DISABLED", subnets=network.subnets, security_groups=[group.security_group_id]
            )
        ),
        propagate_tags="SERVICE",
    )

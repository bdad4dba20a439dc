"""The private network, in which the job, the warehouse and Airflow run without public addresses."""

from __future__ import annotations

from aws_cdk import CfnCondition, CfnOutput, CfnParameter, Fn, RemovalPolicy, Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy.infra.data import DataStack


class NetworkStack(Stack):
    """A VPC over two zones. Services with much data or with secrets have endpoints; all else uses one NAT gateway.

    The NAT gateway is for the MLflow App, which has no VPC endpoint. One is enough: if its zone fails, the stream
    continues with the model that it has, and only cannot load new versions.
    """

    def __init__(self, scope: Construct, name: str, *, data: DataStack, **kwargs: object) -> None:
        super().__init__(scope, name, **kwargs)
        self.vpc = ec2.Vpc(
            self,
            "Network",
            max_azs=2,
            nat_gateways=1,
            # CDK would add a Lambda function that empties the default group; nothing uses that group.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="nat", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=28, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(name="private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20),
            ],
        )
        self._choose_zones()
        self._flow_log(data)
        self.workers = self._group("Workers", "Moodstream: EMR Serverless and Airflow")
        # Spark's driver and executors, and the parts of Airflow, connect to each other.
        self.workers.add_ingress_rule(self.workers, ec2.Port.all_tcp(), "among themselves")
        self.database = self._group("Warehouse", "Moodstream: Redshift", outbound=False)
        self.database.add_ingress_rule(self.workers, ec2.Port.tcp(5439), "Redshift from the workers")
        self._endpoints()
        CfnOutput(self, "PrivateSubnets", value=",".join(self.subnets))
        CfnOutput(self, "WorkersGroup", value=self.workers.security_group_id)

    @property
    def subnets(self) -> list[str]:
        """The ids of the private subnets."""
        return [subnet.subnet_id for subnet in self.vpc.private_subnets]

    def _choose_zones(self) -> None:
        """Let the deployment name the zones: EMR Serverless and Redshift Serverless lack some of a region's.

        `python -m deploy.infra.deploy` fills the parameters in from the services' lists of zones.
        """
        for index, place in enumerate(("First", "Second")):
            zone = CfnParameter(
                self,
                f"{place}Zone",
                default="",
                description="Availability zone of these subnets (empty: the region's own order)",
            ).value_as_string
            named = CfnCondition(
                self, f"Has{place}Zone", expression=Fn.condition_not(Fn.condition_equals(zone, ""))
            ).logical_id
            chosen = Token.as_string(Fn.condition_if(named, zone, Fn.select(index, Fn.get_azs())))
            for subnet in (self.vpc.public_subnets[index], self.vpc.private_subnets[index]):
                subnet.node.default_child.availability_zone = chosen

    def _group(self, name: str, description: str, *, outbound: bool = True) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(self, name, vpc=self.vpc, description=description, allow_all_outbound=False)
        if outbound:
            group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "AWS APIs over TLS")
            group.add_egress_rule(group, ec2.Port.all_tcp(), "among themselves")
        return group

    def _flow_log(self, data: DataStack) -> None:
        group = logs.LogGroup(
            self,
            "FlowLog",
            retention=logs.RetentionDays.ONE_MONTH,
            encryption_key=data.key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.vpc.add_flow_log("Flow", destination=ec2.FlowLogDestination.to_cloud_watch_logs(group))

    def _endpoints(self) -> None:
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        service = ec2.InterfaceVpcEndpointAwsService
        self.endpoints = self._group("Endpoints", "Moodstream: interface endpoints", outbound=False)
        self.endpoints.add_ingress_rule(self.workers, ec2.Port.tcp(443), "AWS APIs from the workers")
        for name, endpoint in (
            ("Kinesis", service.KINESIS_STREAMS),
            ("Keys", service.KMS),
            ("Logs", service.CLOUDWATCH_LOGS),
            ("Metrics", service.CLOUDWATCH_MONITORING),
            ("Secrets", service.SECRETS_MANAGER),
        ):
            self.vpc.add_interface_endpoint(name, service=endpoint, security_groups=[self.endpoints], open=False)

"""Redshift Serverless, and Athena's saved queries: what analysts open."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import CfnOutput, CfnParameter, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_redshiftserverless as redshift
from constructs import Construct

from deploy.infra import actors
from deploy.infra.actors import Grant
from deploy.infra.data import DataStack
from deploy.infra.network import NetworkStack

QUERIES = Path(__file__).resolve().parents[2] / "sql" / "athena"


class WarehouseStack(Stack):
    """A namespace (the data) and a workgroup (the computing), both private and encrypted."""

    def __init__(
        self, scope: Construct, name: str, *, data: DataStack, network: NetworkStack, **kwargs: object
    ) -> None:
        super().__init__(scope, name, **kwargs)
        self.copy_role = actors.role(
            self,
            "CopyRole",
            "redshift.amazonaws.com",
            [
                actors.list_bucket(data.lake, "ListStaging", ["staging/"]),
                Grant(
                    "ReadStaging",
                    ["s3:GetObject"],
                    [data.lake.arn_for_objects("staging/*")],
                    why="each load stages files under a name of its own",
                ),
                actors.use_key(data.key, writes=False),
            ],
            description="Moodstream: Redshift copies staged files",
            more_services=["redshift-serverless.amazonaws.com"],
        )
        self.namespace = redshift.CfnNamespace(
            self,
            "Namespace",
            namespace_name="moodstream",
            db_name="moodstream",
            # Redshift makes the administrator's password, keeps it in Secrets Manager and rotates it.
            manage_admin_password=True,
            admin_username="moodstream_admin",
            admin_password_secret_kms_key_id=data.key.key_arn,
            kms_key_id=data.key.key_arn,
            default_iam_role_arn=self.copy_role.role_arn,
            iam_roles=[self.copy_role.role_arn],
            log_exports=["userlog", "connectionlog", "useractivitylog"],
        )
        capacity = CfnParameter(
            self,
            "WarehouseCapacity",
            type="Number",
            default=8,
            min_value=4,
            max_value=512,
            description="Base capacity of Redshift Serverless in RPU (docs/deploy/sizing.md)",
        )
        self.workgroup = redshift.CfnWorkgroup(
            self,
            "Workgroup",
            workgroup_name="moodstream",
            namespace_name=self.namespace.namespace_name,
            base_capacity=capacity.value_as_number,
            max_capacity=64,
            enhanced_vpc_routing=True,
            publicly_accessible=False,
            subnet_ids=network.subnets,
            security_group_ids=[network.database.security_group_id],
            config_parameters=[
                redshift.CfnWorkgroup.ConfigParameterProperty(parameter_key="require_ssl", parameter_value="true")
            ],
        )
        self.workgroup.node.add_dependency(self.namespace)
        self._saved_queries(data)
        CfnOutput(self, "WorkgroupName", value=self.workgroup.workgroup_name)
        CfnOutput(self, "CopyRoleArn", value=self.copy_role.role_arn)

    def _saved_queries(self, data: DataStack) -> None:
        for path in sorted(QUERIES.rglob("*.sql")):
            title = path.relative_to(QUERIES).with_suffix("").as_posix()
            athena.CfnNamedQuery(
                self,
                "Query" + "".join(part.title() for part in title.replace("/", "_").split("_")),
                name=f"moodstream {title}",
                database=data.database.ref,
                work_group=data.workgroup.name,
                query_string=path.read_text(),
            )

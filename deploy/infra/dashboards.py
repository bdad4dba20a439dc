"""QuickSight: the connection to the warehouse, data sets with their refreshes, an analysis and a dashboard.

These are two stacks, since not every account has QuickSight and a template has a maximal size. They are deployed if
QuickSight's principals are given (docs/warehouse.md). dashboard.toml describes what they show.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnParameter, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_quicksight as quicksight
from constructs import Construct

from deploy.infra import actors, visuals
from deploy.infra.actors import Grant
from deploy.infra.network import NetworkStack
from deploy.infra.visuals import DataSet
from deploy.infra.warehouse import WarehouseStack

REDSHIFT = 5439
PRINCIPAL = r"^arn:aws[\w-]*:quicksight:[\w-]+:\d+:(user|group)/.+$"

# The actions that QuickSight itself groups as "use" (data source, data set), "own" (analysis) and "view" (dashboard).
SOURCE_USE = ["DescribeDataSource", "DescribeDataSourcePermissions", "PassDataSource"]
SET_USE = ["DescribeDataSet", "DescribeDataSetPermissions", "PassDataSet", "DescribeIngestion", "ListIngestions"]
ANALYSIS_OWN = [
    *("DescribeAnalysis", "DescribeAnalysisPermissions", "QueryAnalysis", "UpdateAnalysis", "DeleteAnalysis"),
    *("RestoreAnalysis", "UpdateAnalysisPermissions"),
]
DASHBOARD_VIEW = ["DescribeDashboard", "ListDashboardVersions", "QueryDashboard"]


class DataSetsStack(Stack):
    """The data source, the data sets and their refreshes. Authors may use them, and only this code changes them."""

    def __init__(
        self, scope: Construct, name: str, *, network: NetworkStack, warehouse: WarehouseStack, **kwargs: object
    ) -> None:
        super().__init__(scope, name, **kwargs)
        self.authors = _principal(self, "DashboardAuthors", "edits the analysis")
        source = self._source(warehouse, self._connection(network))
        self.sets = {each.name: self._data_set(each, source) for each in visuals.data_sets()}
        for each in visuals.data_sets():
            if each.incremental:
                self._refreshes(each, self.sets[each.name])

    def _connection(self, network: NetworkStack) -> quicksight.CfnVPCConnection:
        """QuickSight's network interfaces in the private subnets; they can reach Redshift and nothing else."""
        group = ec2.SecurityGroup(
            self, "Group", vpc=network.vpc, description="Moodstream: QuickSight", allow_all_outbound=False
        )
        group.add_egress_rule(network.database, ec2.Port.tcp(REDSHIFT), "Redshift")
        # The rules of these interfaces are stateless: Redshift's answers need a rule of their own.
        group.add_ingress_rule(network.database, ec2.Port.all_tcp(), "answers from Redshift")
        ec2.CfnSecurityGroupIngress(
            self,
            "FromDashboards",
            group_id=network.database.security_group_id,
            source_security_group_id=group.security_group_id,
            ip_protocol="tcp",
            from_port=REDSHIFT,
            to_port=REDSHIFT,
            description="Redshift from QuickSight",
        )
        return quicksight.CfnVPCConnection(
            self,
            "Connection",
            aws_account_id=self.account,
            availability_status="AVAILABLE",
            vpc_connection_id="moodstream",
            name="moodstream",
            role_arn=self._network_role(network, group).role_arn,
            security_group_ids=[group.security_group_id],
            subnet_ids=network.subnets,
        )

    def _network_role(self, network: NetworkStack, group: ec2.SecurityGroup) -> Any:
        def arn(resource: str, name: str) -> str:
            return self.format_arn(service="ec2", resource=resource, resource_name=name)

        interfaces = arn("network-interface", "*")
        grants = [
            Grant(
                "KeepInterfaces",
                ["ec2:CreateNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute", "ec2:DeleteNetworkInterface"],
                [
                    interfaces,
                    arn("security-group", group.security_group_id),
                    *(arn("subnet", subnet) for subnet in network.subnets),
                ],
                why="interfaces get their ids when they are made; subnets and group are named",
            ),
            Grant(
                "LookAround",
                ["ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"],
                ["*"],
                why="the actions know no resource-level permission",
            ),
        ]
        return actors.role(
            self,
            "NetworkRole",
            "quicksight.amazonaws.com",
            grants,
            description="Moodstream: QuickSight's interfaces in the private network",
        )

    def _source(self, warehouse: WarehouseStack, connection: quicksight.CfnVPCConnection) -> quicksight.CfnDataSource:
        secret = CfnParameter(
            self,
            "AnalystLogin",
            allowed_pattern=r"^arn:aws[\w-]*:secretsmanager:.+$",
            description="ARN of the secret with username and password of a Redshift user with the role analyst",
        )
        parameters = quicksight.CfnDataSource
        return parameters(
            self,
            "Source",
            aws_account_id=self.account,
            data_source_id="moodstream",
            name="Moodstream warehouse",
            type="REDSHIFT",
            data_source_parameters=parameters.DataSourceParametersProperty(
                redshift_parameters=parameters.RedshiftParametersProperty(
                    host=warehouse.workgroup.attr_workgroup_endpoint_address,
                    port=REDSHIFT,
                    database=warehouse.namespace.db_name,
                )
            ),
            credentials=parameters.DataSourceCredentialsProperty(secret_arn=secret.value_as_string),
            vpc_connection_properties=parameters.VpcConnectionPropertiesProperty(
                vpc_connection_arn=connection.attr_arn
            ),
            ssl_properties=parameters.SslPropertiesProperty(disable_ssl=False),
            permissions=[_may(self.authors, SOURCE_USE)],
        )

    def _data_set(self, given: DataSet, source: quicksight.CfnDataSource) -> quicksight.CfnDataSet:
        kinds = quicksight.CfnDataSet
        made = kinds(
            self,
            "Set" + given.name.title().replace("_", ""),
            aws_account_id=self.account,
            data_set_id=given.resource_id,
            name=f"Moodstream {given.name.replace('_', ' ')}",
            import_mode="SPICE" if given.incremental else "DIRECT_QUERY",
            physical_table_map={
                "query": kinds.PhysicalTableProperty(
                    custom_sql=kinds.CustomSqlProperty(
                        data_source_arn=source.attr_arn,
                        name=given.name,
                        sql_query=given.sql,
                        columns=[
                            kinds.InputColumnProperty(name=name, type=kind) for name, kind in given.columns.items()
                        ],
                    )
                )
            },
            permissions=[_may(self.authors, SET_USE)],
        )
        if given.incremental:
            made.data_set_refresh_properties = kinds.DataSetRefreshPropertiesProperty(
                refresh_configuration=kinds.RefreshConfigurationProperty(
                    incremental_refresh=kinds.IncrementalRefreshProperty(
                        lookback_window=kinds.LookbackWindowProperty(
                            column_name=given.incremental, size=2, size_unit="DAY"
                        )
                    )
                )
            )
        return made

    def _refreshes(self, given: DataSet, made: quicksight.CfnDataSet) -> None:
        kinds = quicksight.CfnRefreshSchedule
        for kind, interval, more in (
            ("INCREMENTAL_REFRESH", "MINUTE15", {}),
            ("FULL_REFRESH", "DAILY", {"time_of_the_day": "03:30", "time_zone": "UTC"}),
        ):
            schedule = kinds(
                self,
                f"Refresh{interval.title()}{given.name.title().replace('_', '')}",
                aws_account_id=self.account,
                data_set_id=given.resource_id,
                schedule=kinds.RefreshScheduleMapProperty(
                    schedule_id=interval.lower(),
                    refresh_type=kind,
                    schedule_frequency=kinds.ScheduleFrequencyProperty(interval=interval, **more),
                ),
            )
            schedule.node.add_dependency(made)


class DashboardsStack(Stack):
    """One definition twice: as an analysis, which authors may change, and as the dashboard for readers."""

    def __init__(self, scope: Construct, name: str, *, sets: DataSetsStack, **kwargs: object) -> None:
        super().__init__(scope, name, **kwargs)
        own = {"aws_account_id": self.account, "name": "Moodstream"}
        authors = _principal(self, "DashboardAuthors", "edits the analysis")
        readers = _principal(self, "DashboardReaders", "sees the dashboard")
        analysis = quicksight.CfnAnalysis(
            self, "Analysis", analysis_id="moodstream", permissions=[_may(authors, ANALYSIS_OWN)], **own
        )
        dashboard = quicksight.CfnDashboard(
            self, "Dashboard", dashboard_id="moodstream", permissions=[_may(readers, DASHBOARD_VIEW)], **own
        )
        definition = visuals.definition({name: made.attr_arn for name, made in sets.sets.items()})
        for resource in (analysis, dashboard):
            # As plain CloudFormation: CDK's classes for the same definition take ten times the code.
            resource.add_property_override("Definition", definition)


def _principal(stack: Stack, name: str, does: str) -> str:
    description = f"ARN of the QuickSight group or user that {does}"
    return CfnParameter(stack, name, allowed_pattern=PRINCIPAL, description=description).value_as_string


def _may(principal: str, actions: list[str]) -> Any:
    return {"principal": principal, "actions": [f"quicksight:{name}" for name in actions]}

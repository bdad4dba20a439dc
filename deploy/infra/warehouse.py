"""For analysts: Redshift Serverless, the crawlers that maintain the Glue catalogue, and Athena's saved queries."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import CfnOutput, CfnParameter, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_redshiftserverless as redshift
from constructs import Construct

from deploy.infra import actors
from deploy.infra.actors import Grant
from deploy.infra.data import DataStack
from deploy.infra.network import NetworkStack

QUERIES = Path(__file__).resolve().parents[2] / "sql" / "athena"

# Redshift copies the facts from the files of these tables.
COPIED = ("silver/posts", "silver/comments", "silver/interactions", "silver/user_changes")
CRAWLED = (
    "silver/posts",
    "silver/comments",
    "silver/interactions",
    "silver/users",
    "silver/rejected",
    "silver/labels",
    "silver/quarantined",
)
GOLD = (
    "sentiment_by_minute",
    "sentiment_by_topic",
    "sentiment_by_cohort",
    "sentiment_by_model",
    "engagement_by_minute",
    "quality_by_minute",
    "terms_by_hour",
    "language_by_hour",
    "drift_by_hour",
    "shadow_by_hour",
    "labelled_by_hour",
    "incidents",
    "cost_by_minute",
    "freshness",
)


class WarehouseStack(Stack):
    """Redshift's namespace (data) and workgroup (computing), private and encrypted; crawlers; saved queries."""

    def __init__(
        self, scope: Construct, name: str, *, data: DataStack, network: NetworkStack, **kwargs: object
    ) -> None:
        super().__init__(scope, name, **kwargs)
        self.copy_role = actors.role(
            self,
            "CopyRole",
            "redshift.amazonaws.com",
            [
                actors.list_bucket(data.lake, "ListStaging", ["staging/", *(f"{table}/" for table in COPIED)]),
                Grant(
                    "ReadStaging",
                    ["s3:GetObject"],
                    [data.lake.arn_for_objects(f"{folder}/*") for folder in ("staging", *COPIED)],
                    why="each load has a manifest of its own, which names files of silver",
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
            # Redshift creates the administrator's password, stores it in Secrets Manager and rotates it.
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
            # Without it COPY reads S3 from Redshift's own network, by IAM alone. With it the workgroup needs three
            # subnets in three zones, which not every account has, and a way out of its security group.
            enhanced_vpc_routing=False,
            publicly_accessible=False,
            subnet_ids=network.subnets,
            security_group_ids=[network.database.security_group_id],
            config_parameters=[
                redshift.CfnWorkgroup.ConfigParameterProperty(parameter_key="require_ssl", parameter_value="true")
            ],
        )
        self.workgroup.node.add_dependency(self.namespace)
        self._saved_queries(data)
        self._crawlers(data)
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

    def _crawlers(self, data: DataStack) -> None:
        security = glue.CfnSecurityConfiguration(
            self,
            "CrawlerSecurity",
            name="moodstream-crawlers",
            encryption_configuration=glue.CfnSecurityConfiguration.EncryptionConfigurationProperty(
                cloud_watch_encryption=glue.CfnSecurityConfiguration.CloudWatchEncryptionProperty(
                    cloud_watch_encryption_mode="SSE-KMS", kms_key_arn=data.key.key_arn
                ),
                job_bookmarks_encryption=glue.CfnSecurityConfiguration.JobBookmarksEncryptionProperty(
                    job_bookmarks_encryption_mode="CSE-KMS", kms_key_arn=data.key.key_arn
                ),
                s3_encryptions=[
                    glue.CfnSecurityConfiguration.S3EncryptionProperty(
                        s3_encryption_mode="SSE-KMS", kms_key_arn=data.key.key_arn
                    )
                ],
            ),
        )
        role = actors.crawler(self, lake=data.lake, key=data.key, database=data.database.ref)
        for layer, tables in (
            ("silver", CRAWLED),
            ("gold", tuple(f"gold/{table}" for table in GOLD)),
        ):
            crawler = glue.CfnCrawler(
                self,
                f"Crawler{layer.title()}",
                name=f"moodstream-{layer}",
                role=role.role_arn,
                database_name=data.database.ref,
                table_prefix=f"{layer}_",
                crawler_security_configuration=security.name,
                # The catalogue has new columns within the hour; new rows of a Delta table are visible at once.
                schedule=glue.CfnCrawler.ScheduleProperty(schedule_expression="cron(15 * * * ? *)"),
                schema_change_policy=glue.CfnCrawler.SchemaChangePolicyProperty(
                    update_behavior="UPDATE_IN_DATABASE", delete_behavior="LOG"
                ),
                targets=glue.CfnCrawler.TargetsProperty(
                    delta_targets=[
                        glue.CfnCrawler.DeltaTargetProperty(
                            delta_tables=[f"s3://{data.lake.bucket_name}/{table}/" for table in tables],
                            create_native_delta_table=True,
                            write_manifest=False,
                        )
                    ]
                ),
            )
            crawler.node.add_dependency(security)

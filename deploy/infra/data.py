"""The resources that outlive every deployment: key, lake, artefacts, catalogue and the alerts' topic.

The topic is here and not with the alarms, because people confirm subscriptions by hand: replacing the alarms must not
replace the topic.
"""

from __future__ import annotations

from aws_cdk import CfnCondition, CfnOutput, CfnParameter, Duration, Fn, RemovalPolicy, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from deploy.infra import actors
from deploy.infra.nag import allow_scan

# Beside Decrypt and GenerateDataKey: all that the guide of CloudWatch Logs lists, which MWAA's log groups need too.
LOGS_KEY = (
    "kms:Encrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DescribeKey",
)


class DataStack(Stack):
    """Key, buckets, topic, Glue database, Athena workgroup. Deleting the stack keeps key and buckets."""

    def __init__(self, scope: Construct, name: str, **kwargs: object) -> None:
        super().__init__(scope, name, **kwargs)
        self.key = self._key()
        self.logs_bucket = self._bucket("AccessLogs", expire_days=90, access_log=False)
        self.lake = self._bucket("Lake", lake=True)
        self.artefacts = self._bucket("Artefacts")
        self.topic = self._topic()
        self.database = self._database()
        self.workgroup = self._workgroup()
        for label, value in {
            "LakeBucket": self.lake.bucket_name,
            "ArtefactBucket": self.artefacts.bucket_name,
            "AlertsTopic": self.topic.topic_arn,
            "Database": self.database.ref,
            "Key": self.key.key_arn,
            "AthenaWorkgroup": self.workgroup.ref,
        }.items():
            CfnOutput(self, f"{label}Name", value=value)

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description="Moodstream: stream, lake, artefacts, logs, alerts, warehouse",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        for service, why in (
            (f"logs.{self.region}.amazonaws.com", "LogGroupsOfThisAccount"),
            ("cloudwatch.amazonaws.com", "AlarmsPublishToTheTopic"),
            ("events.amazonaws.com", "JobStateRulesPublishToTheTopic"),
            ("budgets.amazonaws.com", "BudgetsPublishToTheTopic"),
        ):
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=why,
                    principals=[iam.ServicePrincipal(service)],
                    actions=["kms:Decrypt", "kms:GenerateDataKey", *(LOGS_KEY if service.startswith("logs") else ())],
                    resources=["*"],  # in a key's own policy, "*" is that key
                    conditions={"StringEquals": {"aws:SourceAccount": self.account}}
                    if not service.startswith("logs")
                    else {
                        "ArnLike": {
                            "kms:EncryptionContext:aws:logs:arn": self.format_arn(
                                service="logs", resource="log-group", resource_name="*", arn_format=actors.COLON
                            )
                        }
                    },
                )
            )
        return key

    def _bucket(
        self, name: str, *, expire_days: int | None = None, access_log: bool = True, lake: bool = False
    ) -> s3.Bucket:
        rules = [
            s3.LifecycleRule(id="unfinished-uploads", abort_incomplete_multipart_upload_after=Duration.days(3)),
            # Deleted and overwritten objects can be restored for a month: long enough to notice a mistake, short
            # enough for an erasure request (docs/security.md).
            s3.LifecycleRule(id="old-versions", noncurrent_version_expiration=Duration.days(30)),
        ]
        if expire_days:
            rules.append(s3.LifecycleRule(id="expire", expiration=Duration.days(expire_days)))
        if lake:
            rules += _lake_rules()
        bucket = s3.Bucket(
            self,
            name,
            # S3 delivers access logs only to buckets that its own keys encrypt.
            encryption=s3.BucketEncryption.KMS if access_log else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self.key if access_log else None,
            bucket_key_enabled=access_log or None,
            versioned=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=rules,
            removal_policy=RemovalPolicy.RETAIN,
            server_access_logs_bucket=self.logs_bucket if access_log else None,
            server_access_logs_prefix=f"{name.lower()}/" if access_log else None,
        )
        if not access_log:
            endless = "It receives the access logs; logging its own would never end."
            allow_scan(bucket.node.default_child, "CKV_AWS_18", endless)
        return bucket

    def _topic(self) -> sns.Topic:
        topic = sns.Topic(self, "Alerts", master_key=self.key, enforce_ssl=True, display_name="Moodstream")
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsJobStatesAndBudgetsOfThisAccount",
                principals=[
                    iam.ServicePrincipal("cloudwatch.amazonaws.com"),
                    iam.ServicePrincipal("events.amazonaws.com"),
                    iam.ServicePrincipal("budgets.amazonaws.com"),
                ],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        for name, protocol, what in (
            ("AlertEmail", "email", "Address that receives alerts (empty: none)"),
            ("AlertPhone", "sms", "Number in E.164 form that receives alerts by SMS (empty: none)"),
        ):
            given = CfnParameter(self, name, default="", description=what, no_echo=True)
            wanted = CfnCondition(
                self,
                f"Has{name}",
                expression=Fn.condition_not(Fn.condition_equals(given.value_as_string, "")),
            )
            subscription = sns.CfnSubscription(
                self,
                f"{name}Subscription",
                topic_arn=topic.topic_arn,
                protocol=protocol,
                endpoint=given.value_as_string,
            )
            subscription.cfn_options.condition = wanted
        return topic

    def _database(self) -> glue.CfnDatabase:
        return glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name="moodstream", description="Delta tables of the lake: silver and gold"
            ),
        )

    def _workgroup(self) -> athena.CfnWorkGroup:
        return athena.CfnWorkGroup(
            self,
            "Workgroup",
            name="moodstream",
            description="Analysts' queries over silver and gold",
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                # Athena stops a query at 50 GB, which cost about a quarter of a dollar.
                bytes_scanned_cutoff_per_query=50_000_000_000,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self.lake.bucket_name}/athena-results/",
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=self.key.key_arn
                    ),
                ),
            ),
        )


def _lake_rules() -> list[s3.LifecycleRule]:
    """Raw data moves to cheaper storage with age; query results and staged files expire; Delta's files never do."""
    return [
        s3.LifecycleRule(
            id="landing",
            prefix="landing/",
            transitions=[
                s3.Transition(
                    storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
                    transition_after=Duration.days(30),
                )
            ],
            expiration=Duration.days(365),
        ),
        # A connector replaces its cursor every ten seconds; nobody goes back to one of yesterday.
        s3.LifecycleRule(id="cursors", prefix="cursors/", noncurrent_version_expiration=Duration.days(1)),
        s3.LifecycleRule(id="results", prefix="athena-results/", expiration=Duration.days(14)),
        s3.LifecycleRule(id="staging", prefix="staging/", expiration=Duration.days(7)),
    ]

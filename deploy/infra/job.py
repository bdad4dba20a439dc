"""The streaming job on EMR Serverless or Glue, the model registry, and the role of retraining."""

from __future__ import annotations

from aws_cdk import CfnOutput, CfnParameter, RemovalPolicy, Stack
from aws_cdk import aws_emrserverless as emr
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from deploy.emr import releases
from deploy.emr.arguments import Target
from deploy.glue.arguments import job_arguments
from deploy.infra import actors
from deploy.infra.actors import Grant
from deploy.infra.data import DataStack
from deploy.infra.network import NetworkStack
from deploy.infra.stream import StreamStack
from deploy.infra.warehouse import WarehouseStack


class JobStack(Stack):
    """EMR application, Glue job, MLflow App, roles of job and retraining. `deploy --start` starts the job."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        data: DataStack,
        stream: StreamStack,
        network: NetworkStack,
        warehouse: WarehouseStack,
        **kwargs: object,
    ) -> None:
        super().__init__(scope, name, **kwargs)
        self.data, self.stream, self.warehouse = data, stream, warehouse
        self.release = CfnParameter(
            self, "Release", description="Name of the uploaded release (build/dist/RELEASE)"
        ).value_as_string
        self.emr_release = CfnParameter(
            self,
            "EmrRelease",
            default=releases.DEFAULT.label,
            allowed_values=[*releases.RELEASES],
            description="EMR release of the application: `deploy --release` sets it",
        ).value_as_string
        self.mlflow = self._mlflow()
        self.log_group = logs.LogGroup(
            self,
            "JobLog",
            retention=logs.RetentionDays.ONE_MONTH,
            encryption_key=data.key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.policy = self._job_policy()
        self.emr_role = self._runtime_role("EmrRole", "emr-serverless.amazonaws.com", "EMR Serverless")
        self.glue_role = self._runtime_role("GlueRole", "glue.amazonaws.com", "Glue")
        self.training_role = self._training_role()
        self.application = self._application(network)
        self.glue_job = self._glue_job()
        self._report_states()
        for label, value in {
            "ApplicationId": self.application.attr_application_id,
            "EmrRoleArn": self.emr_role.role_arn,
            "TrainingRoleArn": self.training_role.role_arn,
            "GlueJobName": self.glue_job.ref,
            "MlflowArn": self.mlflow.attr_arn,
            "EmrReleaseLabel": self.emr_release,
            "LogGroupName": self.log_group.log_group_name,
        }.items():
            CfnOutput(self, label, value=value)

    def _mlflow(self) -> sagemaker.CfnMlflowApp:
        bucket = self.data.artefacts
        grants = [
            actors.list_bucket(bucket, "ListModels", ["mlflow/"]),
            Grant(
                "KeepModels",
                ["s3:GetObject", "s3:PutObject"],
                [bucket.arn_for_objects("mlflow/*")],
                why="MLflow names runs and models by generated ids",
            ),
            actors.use_key(self.data.key),
        ]
        role = actors.role(
            self,
            "MlflowRole",
            "sagemaker.amazonaws.com",
            grants,
            description="Moodstream: the MLflow App keeps its artefacts",
        )
        return sagemaker.CfnMlflowApp(
            self,
            "Mlflow",
            name="moodstream",
            artifact_store_uri=f"s3://{bucket.bucket_name}/mlflow",
            role_arn=role.role_arn,
            model_registration_mode="AutoModelRegistrationDisabled",
        )

    def _model_grants(self, *listed: str) -> list[Grant]:
        return [
            Grant("CallMlflow", ["sagemaker:CallMlflowAppApi"], [self.mlflow.attr_arn]),
            actors.list_bucket(self.data.artefacts, "ListModels", ["mlflow/", *listed]),
        ]

    def _job_policy(self) -> iam.ManagedPolicy:
        lake, artefacts = self.data.lake, self.data.artefacts
        layers = [lake.arn_for_objects(f"{layer}/*") for layer in actors.DELTA_LAYERS]
        workgroup = self.warehouse.workgroup.attr_workgroup_workgroup_arn
        grants = [
            Grant(
                "ReadStream",
                [
                    "kinesis:DescribeStreamSummary",
                    "kinesis:ListShards",
                    "kinesis:GetShardIterator",
                    "kinesis:GetRecords",
                ],
                [self.stream.stream.stream_arn],
            ),
            actors.list_bucket(lake, "ListLake", [*(f"{layer}" for layer in actors.DELTA_LAYERS), "staging/"]),
            Grant(
                "WriteLake",
                ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                [*layers, lake.arn_for_objects("staging/*")],
                why="Delta and Spark name their files themselves, within the layers and the staging prefix",
            ),
            Grant(
                "ReadReleaseAndModels",
                ["s3:GetObject"],
                [artefacts.arn_for_objects("releases/*"), artefacts.arn_for_objects("mlflow/*")],
                why="a release is a folder of files; MLflow names models by generated ids",
            ),
            actors.use_key(self.data.key),
            *self._model_grants(),
            Grant(
                "RunWarehouseStatements",
                ["redshift-data:ExecuteStatement", "redshift-data:BatchExecuteStatement"],
                [workgroup],
            ),
            Grant(
                "ReadOwnStatements",
                [
                    "redshift-data:DescribeStatement",
                    "redshift-data:GetStatementResult",
                    "redshift-data:CancelStatement",
                ],
                ["*"],
                why="the actions know no resource; the condition keeps them to the caller's own statements",
                conditions={"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
            ),
            Grant("EnterWarehouse", ["redshift-serverless:GetCredentials"], [workgroup]),
            Grant("Alert", ["sns:Publish"], [self.data.topic.topic_arn]),
            Grant(
                "Measure",
                ["cloudwatch:PutMetricData"],
                ["*"],
                why="the action knows no resource; the condition keeps it to one namespace",
                conditions={"StringEquals": {"cloudwatch:namespace": actors.NAMESPACE}},
            ),
        ]
        policy = iam.ManagedPolicy(
            self,
            "JobPolicy",
            description="Moodstream: what the streaming job needs on EMR and on Glue alike",
            document=actors.document(grants),
        )
        actors.excuse(policy, grants)
        return policy

    def _runtime_role(self, name: str, service: str, where: str) -> iam.Role:
        own = {
            "EmrRole": [
                Grant(
                    "WriteLogs",
                    ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                    [f"{self._group_arn(self.log_group.log_group_name)}:*"],
                    why="a log stream's name is made up by EMR at run time",
                ),
                Grant(
                    "FindLogs",
                    ["logs:DescribeLogGroups"],
                    ["*"],
                    why="EMR lists the groups before it writes; the action knows no narrower resource",
                ),
            ],
            "GlueRole": [
                Grant(
                    "WriteLogs",
                    ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                    [self._group_arn("/aws-glue/*"), f"{self._group_arn('/aws-glue/*')}:*"],
                    why="Glue makes its log groups itself, below /aws-glue/",
                ),
                Grant(
                    "EncryptLogs",
                    ["logs:AssociateKmsKey"],
                    [self._group_arn("/aws-glue/*"), f"{self._group_arn('/aws-glue/*')}:*"],
                    why="with a security configuration Glue gives the key to the groups that it makes",
                ),
                Grant(
                    "ReadSecurityConfiguration",
                    ["glue:GetSecurityConfiguration"],
                    ["*"],
                    why="the action knows no resource-level permission",
                ),
                Grant(
                    "MeasureAsGlue",
                    ["cloudwatch:PutMetricData"],
                    ["*"],
                    why="the action knows no resource; the condition keeps it to Glue's own namespace",
                    conditions={"StringEquals": {"cloudwatch:namespace": "Glue"}},
                ),
            ],
        }[name]
        role = actors.role(self, name, service, own, description=f"Moodstream: the streaming job on {where}")
        role.add_managed_policy(self.policy)
        return role

    def _group_arn(self, name: str) -> str:
        return self.format_arn(service="logs", resource="log-group", resource_name=name, arn_format=actors.COLON)

    def _training_role(self) -> iam.Role:
        lake, artefacts = self.data.lake, self.data.artefacts
        grants = [
            actors.list_bucket(lake, "ListLake", actors.DELTA_LAYERS),
            Grant(
                "MaintainLake",
                ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                [lake.arn_for_objects(f"{layer}/*") for layer in actors.DELTA_LAYERS],
                why="compaction and clean-up rewrite and remove files that Delta named",
            ),
            Grant(
                "ReadRelease",
                ["s3:GetObject"],
                [artefacts.arn_for_objects("releases/*"), artefacts.arn_for_objects("evaluation/*")],
                why="a release is a folder of files; labelled texts of the operator's own lie in evaluation/",
            ),
            Grant(
                "KeepModels",
                ["s3:GetObject", "s3:PutObject"],
                [artefacts.arn_for_objects("mlflow/*"), artefacts.arn_for_objects("runs/*")],
                why="MLflow names models, and the workflow its results, by generated ids",
            ),
            actors.use_key(self.data.key),
            *self._model_grants("releases/"),  # SageMaker lists the prefix of its input before it reads it
            Grant(
                "WriteLogs",
                ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                [
                    self._group_arn("/aws/sagemaker/TrainingJobs"),
                    f"{self._group_arn('/aws/sagemaker/TrainingJobs')}:*",
                    f"{self._group_arn(self.log_group.log_group_name)}:*",
                ],
                why="SageMaker and EMR name the log streams at run time",
            ),
            Grant(
                "FindLogs",
                ["logs:DescribeLogGroups"],
                ["*"],
                why="EMR lists the groups before it writes; the action knows no narrower resource",
            ),
        ]
        return actors.role(
            self,
            "TrainingRole",
            "sagemaker.amazonaws.com",
            grants,
            description="Moodstream: retraining and maintenance, on SageMaker or EMR Serverless",
            more_services=["emr-serverless.amazonaws.com"],
        )

    def _vcpu(self) -> str:
        return CfnParameter(
            self,
            "JobVcpu",
            type="Number",
            default=16,
            min_value=14,
            max_value=1000,
            description="vCPU that EMR Serverless may use at once: 10 of the job, 4 of a batch run (new accounts: 16)",
        ).value_as_string

    def _application(self, network: NetworkStack) -> emr.CfnApplication:
        app = emr.CfnApplication
        return emr.CfnApplication(
            self,
            "Application",
            name="moodstream",
            type="SPARK",
            release_label=self.emr_release,
            architecture="X86_64",  # the dependency archive holds x86-64 wheels
            network_configuration=app.NetworkConfigurationProperty(
                subnet_ids=network.subnets,
                security_group_ids=[network.workers.security_group_id],
            ),
            auto_start_configuration=app.AutoStartConfigurationProperty(enabled=True),
            auto_stop_configuration=app.AutoStopConfigurationProperty(enabled=True, idle_timeout_minutes=15),
            # This only limits the cost of a mistake: deploy/emr/spark-settings.toml sets the size of the job.
            maximum_capacity=app.MaximumAllowedResourcesProperty(
                cpu=f"{self._vcpu()} vCPU", memory="256 GB", disk="1000 GB"
            ),
            monitoring_configuration=app.MonitoringConfigurationProperty(
                cloud_watch_logging_configuration=app.CloudWatchLoggingConfigurationProperty(
                    enabled=True,
                    log_group_name=self.log_group.log_group_name,
                    encryption_key_arn=self.data.key.key_arn,
                )
            ),
        )

    def _glue_job(self) -> glue.CfnJob:
        security = glue.CfnSecurityConfiguration(
            self,
            "GlueSecurity",
            name="moodstream-job",
            encryption_configuration=glue.CfnSecurityConfiguration.EncryptionConfigurationProperty(
                cloud_watch_encryption=glue.CfnSecurityConfiguration.CloudWatchEncryptionProperty(
                    cloud_watch_encryption_mode="SSE-KMS", kms_key_arn=self.data.key.key_arn
                ),
                job_bookmarks_encryption=glue.CfnSecurityConfiguration.JobBookmarksEncryptionProperty(
                    job_bookmarks_encryption_mode="CSE-KMS", kms_key_arn=self.data.key.key_arn
                ),
                s3_encryptions=[
                    glue.CfnSecurityConfiguration.S3EncryptionProperty(
                        s3_encryption_mode="SSE-KMS", kms_key_arn=self.data.key.key_arn
                    )
                ],
            ),
        )
        root = f"s3://{self.data.artefacts.bucket_name}/releases/{self.release}"
        job = glue.CfnJob(
            self,
            "GlueJob",
            name="moodstream",
            description="The streaming job on Glue: an alternative to EMR Serverless, never beside it",
            role=self.glue_role.role_arn,
            glue_version="5.1",
            worker_type="G.1X",
            number_of_workers=3,
            # No timeout: Glue restarts a streaming job once a week, within this hour, from its checkpoint.
            maintenance_window="Sun:4",
            max_retries=0,
            execution_property=glue.CfnJob.ExecutionPropertyProperty(max_concurrent_runs=1),
            security_configuration=security.name,
            command=glue.CfnJob.JobCommandProperty(
                name="gluestreaming", python_version="3", script_location=f"{root}/glue_job.py"
            ),
            default_arguments=job_arguments(
                Target(
                    release=root,
                    lake=f"s3://{self.data.lake.bucket_name}",
                    stream=self.stream.stream.stream_name,
                    region=self.region,
                    mlflow=self.mlflow.attr_arn,
                    topic=self.data.topic.topic_arn,
                    copy_role=self.warehouse.copy_role.role_arn,
                    key=self.data.key.key_arn,
                )
            ),
        )
        job.node.add_dependency(security)
        return job

    def _report_states(self) -> None:
        rule = events.Rule(
            self,
            "JobFailed",
            description="Moodstream: the job left its running state",
            event_pattern=events.EventPattern(
                source=["aws.emr-serverless", "aws.glue"],
                detail_type=["EMR Serverless Job Run State Change", "Glue Job State Change"],
                detail={"state": ["FAILED", "CANCELLED", "STOPPED", "TIMEOUT"]},
            ),
        )
        rule.add_target(targets.SnsTopic(self.data.topic))

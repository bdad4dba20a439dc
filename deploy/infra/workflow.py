"""Airflow (MWAA), which runs retraining and maintenance, and the monthly budget."""

from __future__ import annotations

from aws_cdk import Aws, CfnCondition, CfnOutput, CfnParameter, Fn, Stack, Token
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_mwaa as mwaa
from constructs import Construct

from deploy.infra import actors
from deploy.infra.actors import Grant
from deploy.infra.data import DataStack
from deploy.infra.job import JobStack
from deploy.infra.network import NetworkStack

NAME = "moodstream"


class WorkflowStack(Stack):
    """An MWAA environment that reads its DAGs from the artefact bucket."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        data: DataStack,
        network: NetworkStack,
        job: JobStack,
        **kwargs: object,
    ) -> None:
        super().__init__(scope, name, **kwargs)
        self.data, self.job = data, job
        self.release = CfnParameter(
            self, "Release", description="Name of the uploaded release (build/dist/RELEASE)"
        ).value_as_string
        self.role = self._role()
        self.environment_ = self._environment(network)
        self._budget()
        CfnOutput(self, "AirflowUrl", value=self.environment_.attr_webserver_url)

    def _role(self) -> iam.Role:
        arn = self.format_arn
        artefacts = self.data.artefacts
        application = self.job.application.attr_arn
        crawlers = [
            arn(service="glue", resource="crawler", resource_name=f"moodstream-{layer}") for layer in ("silver", "gold")
        ]
        training = arn(service="sagemaker", resource="training-job", resource_name="moodstream-*")
        log_groups = arn(
            service="logs",
            resource="log-group",
            resource_name=f"airflow-{NAME}-*",
            arn_format=actors.COLON,
        )
        grants = [
            Grant(
                "ReadDags",
                ["s3:GetObject", "s3:GetObjectVersion"],
                [artefacts.arn_for_objects("airflow/*"), artefacts.arn_for_objects("runs/*")],
                why="DAG bundles, and the results that tasks leave behind",
            ),
            Grant(
                "LookAtBucket",
                ["s3:ListBucket", "s3:GetBucketPublicAccessBlock", "s3:GetEncryptionConfiguration"],
                [artefacts.bucket_arn],
            ),
            Grant(
                "LookAtAccount",
                ["s3:GetAccountPublicAccessBlock"],
                ["*"],
                why="MWAA checks the account's setting; the action knows no resource",
            ),
            Grant("StartJobRuns", ["emr-serverless:StartJobRun"], [application]),
            Grant(
                "FollowJobRuns",
                ["emr-serverless:GetJobRun"],
                [f"{application}/jobruns/*"],
                why="the id of a run is known only once it started",
            ),
            Grant(
                "StartTraining",
                ["sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "sagemaker:AddTags"],
                [training],
                why="each training job has a name of its own, which begins with moodstream-",
            ),
            Grant(
                "LendTrainingRole",
                ["iam:PassRole"],
                [self.job.training_role.role_arn],
                conditions={
                    "StringEquals": {"iam:PassedToService": ["emr-serverless.amazonaws.com", "sagemaker.amazonaws.com"]}
                },
            ),
            Grant("StartCrawlers", ["glue:StartCrawler"], crawlers),
            Grant(
                "RefreshDashboards",
                ["quicksight:CreateIngestion"],
                [arn(service="quicksight", resource="dataset", resource_name="moodstream-*/ingestion/*")],
                why="one data set for each subject, their ids all begin so; the action only refreshes",
            ),
            Grant("Notify", ["sns:Publish"], [self.data.topic.topic_arn]),
            # The actions that MWAA's guide lists for an environment with a key of one's own.
            Grant(
                "UseKey",
                [
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:Encrypt",
                    "kms:GenerateDataKey",
                    "kms:GenerateDataKeyWithoutPlaintext",
                ],
                [self.data.key.key_arn],
            ),
            Grant(
                "WriteLogs",
                [
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                    "logs:GetLogEvents",
                    "logs:GetLogRecord",
                    "logs:GetLogGroupFields",
                    "logs:GetQueryResults",
                ],
                [log_groups, f"{log_groups}:*"],
                why="MWAA makes one log group for each of its parts",
            ),
            Grant(
                "FindLogs",
                ["logs:DescribeLogGroups"],
                ["*"],
                why="MWAA lists the groups; the action knows no narrower resource",
            ),
            Grant(
                "Heartbeat",
                ["airflow:PublishMetrics"],
                [arn(service="airflow", resource="environment", resource_name=NAME)],
            ),
            Grant(
                "Measure",
                ["cloudwatch:PutMetricData"],
                ["*"],
                why="the action knows no resource; the condition keeps it to Airflow's namespace",
                conditions={"StringEquals": {"cloudwatch:namespace": "AmazonMWAA"}},
            ),
            Grant(
                "Queue",
                [
                    "sqs:ChangeMessageVisibility",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:GetQueueUrl",
                    "sqs:ReceiveMessage",
                    "sqs:SendMessage",
                ],
                [f"arn:{self.partition}:sqs:{self.region}:*:airflow-celery-*"],
                why="the queue of Airflow's workers lies in an account of MWAA",
            ),
        ]
        return actors.role(
            self,
            "AirflowRole",
            "airflow.amazonaws.com",
            grants,
            description="Moodstream: Airflow starts training, maintenance and crawlers",
            more_services=["airflow-env.amazonaws.com"],
            guarded=False,
        )

    def _environment(self, network: NetworkStack) -> mwaa.CfnEnvironment:
        module = mwaa.CfnEnvironment.ModuleLoggingConfigurationProperty
        logged = {
            f"{part}_logs": module(enabled=True, log_level="INFO" if part == "task" else "WARNING")
            for part in ("dag_processing", "scheduler", "task", "webserver", "worker")
        }
        settings = {
            "application_id": self.job.application.attr_application_id,
            "training_role": self.job.training_role.role_arn,
            "training_image": self._if_given(
                "TrainingImage", "Container with Python 3.11 for training on SageMaker (empty: train on EMR Serverless)"
            ),
            "train_options": self._if_given(
                "TrainOptions", "More options of `moodstream model train`, such as --feedback s3://LAKE/silver/labels"
            ),
            "evaluation_data": self._if_given(
                "EvaluationData", "s3:// URL, in the artefact bucket's evaluation/, of a CSV with columns text,label"
            ),
            "reports": self._if_given(
                "DailyReports", "s3:// URL below the artefact bucket's runs/ for each day's report (empty: none)"
            ),
            "artefacts": f"s3://{self.data.artefacts.bucket_name}",
            "lake": f"s3://{self.data.lake.bucket_name}",
            "mlflow_uri": self.job.mlflow.attr_arn,
            "topic": self.data.topic.topic_arn,
            "release": self.release,
            "crawlers": "moodstream-silver,moodstream-gold",
        }
        return mwaa.CfnEnvironment(
            self,
            "Airflow",
            name=NAME,
            airflow_version="3.0.6",
            environment_class="mw1.micro",
            max_workers=1,
            source_bucket_arn=self.data.artefacts.bucket_arn,
            dag_s3_path="airflow/dags",
            execution_role_arn=self.role.role_arn,
            kms_key=self.data.key.key_arn,
            webserver_access_mode="PRIVATE_ONLY",
            network_configuration=mwaa.CfnEnvironment.NetworkConfigurationProperty(
                subnet_ids=network.subnets,
                security_group_ids=[network.workers.security_group_id],
            ),
            logging_configuration=mwaa.CfnEnvironment.LoggingConfigurationProperty(**logged),
            # MWAA turns "moodstream.x" into the environment variable AIRFLOW__MOODSTREAM__X.
            airflow_configuration_options={f"moodstream.{key}": value for key, value in settings.items()},
        )

    def _if_given(self, name: str, description: str) -> str:
        """A parameter's value; left out if it is empty, since MWAA refuses an option without a value."""
        parameter = CfnParameter(self, name, default="", description=description)
        given = CfnCondition(
            self, f"Has{name}", expression=Fn.condition_not(Fn.condition_equals(parameter.value_as_string, ""))
        )
        return Token.as_string(Fn.condition_if(given.logical_id, parameter.value_as_string, Aws.NO_VALUE))

    def _budget(self) -> None:
        limit = CfnParameter(self, "MonthlyBudget", type="Number", default=1500, description="Alert above, in USD")
        subscriber = budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=self.data.topic.topic_arn)
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name="moodstream",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=limit.value_as_number, unit="USD"),
                cost_filters={"TagKeyValue": ["user:project$moodstream"]},
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        comparison_operator="GREATER_THAN",
                        notification_type=kind,
                        threshold=threshold,
                    ),
                    subscribers=[subscriber],
                )
                for kind, threshold in (("ACTUAL", 80), ("FORECASTED", 100))
            ],
        )

"""The Kinesis stream, the generator that writes into it every minute, and the archive of its raw records."""

from __future__ import annotations

from aws_cdk import CfnCondition, CfnOutput, CfnParameter, Duration, Fn, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from deploy.infra import actors
from deploy.infra.actors import Grant
from deploy.infra.data import DataStack
from deploy.infra.nag import allow, allow_scan

LANDING = "landing/!{timestamp:yyyy}/!{timestamp:MM}/!{timestamp:dd}/"
LANDING_ERRORS = "landing-errors/!{firehose:error-output-type}/!{timestamp:yyyy}/!{timestamp:MM}/!{timestamp:dd}/"


class StreamStack(Stack):
    """An on-demand stream, a Firehose archive, and the generator as a scheduled Lambda function."""

    def __init__(self, scope: Construct, name: str, *, data: DataStack, **kwargs: object) -> None:
        super().__init__(scope, name, **kwargs)
        self.data = data
        self.release = CfnParameter(self, "Release", description="Name of the uploaded release (build/dist/RELEASE)")
        self.stream = kinesis.Stream(
            self,
            "Events",
            # An on-demand stream grows by itself; docs/deploy/sizing.md names the steady rate above which
            # provisioned shards are cheaper.
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            # A week to repair a broken job before the stream drops records; bronze keeps what was read for good.
            retention_period=Duration.days(7),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=data.key,
            removal_policy=RemovalPolicy.RETAIN,
        )
        allow(
            self.stream,
            "AwsSolutions-KDS3",
            "The project's own key: its policy and use are on record, which AWS's key does not offer.",
        )
        self.archive_log = self._log_group("ArchiveLog")
        self.generator_log = self._log_group("GeneratorLog")
        self.archive = self._archive()
        self.missed = self._missed_runs()
        self.generator = self._generator()
        self.schedule = self._schedule()
        for label, value in {
            "Stream": self.stream.stream_name,
            "Generator": self.generator.function_name,
            "Archive": self.archive.ref,
        }.items():
            CfnOutput(self, f"{label}Name", value=value)

    def _log_group(self, name: str) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            name,
            retention=logs.RetentionDays.ONE_MONTH,
            encryption_key=self.data.key,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _archive(self) -> firehose.CfnDeliveryStream:
        lake = self.data.lake
        log_stream = logs.LogStream(
            self, "ArchiveErrors", log_group=self.archive_log, removal_policy=RemovalPolicy.DESTROY
        )
        grants = [
            Grant(
                "ReadStream",
                ["kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"],
                [self.stream.stream_arn],
            ),
            Grant(
                "WriteLanding",
                ["s3:PutObject", "s3:AbortMultipartUpload"],
                [lake.arn_for_objects("landing/*"), lake.arn_for_objects("landing-errors/*")],
                why="Firehose names its objects by time",
            ),
            Grant(
                "FindUploads",
                ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"],
                [lake.bucket_arn],
            ),
            actors.use_key(self.data.key),
            Grant(
                "WriteErrors",
                ["logs:PutLogEvents"],
                [self.archive_log.log_group_arn],
                why="the ARN of a log group ends in a wildcard for its streams",
            ),
        ]
        role = actors.role(
            self,
            "ArchiveRole",
            "firehose.amazonaws.com",
            grants,
            description="Moodstream: Firehose copies raw records to the landing zone",
        )
        # Firehose reads its source while it is created, so it needs its policy by then: an inline policy is there.
        stream = firehose.CfnDeliveryStream(
            self,
            "Archive",
            delivery_stream_type="KinesisStreamAsSource",
            kinesis_stream_source_configuration=firehose.CfnDeliveryStream.KinesisStreamSourceConfigurationProperty(
                kinesis_stream_arn=self.stream.stream_arn, role_arn=role.role_arn
            ),
            extended_s3_destination_configuration=firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty(
                bucket_arn=lake.bucket_arn,
                role_arn=role.role_arn,
                prefix=LANDING,
                error_output_prefix=LANDING_ERRORS,
                compression_format="GZIP",
                buffering_hints=firehose.CfnDeliveryStream.BufferingHintsProperty(
                    interval_in_seconds=300, size_in_m_bs=64
                ),
                encryption_configuration=firehose.CfnDeliveryStream.EncryptionConfigurationProperty(
                    kms_encryption_config=firehose.CfnDeliveryStream.KMSEncryptionConfigProperty(
                        awskms_key_arn=self.data.key.key_arn
                    )
                ),
                # One record a line: records are JSON documents without a line end.
                processing_configuration=firehose.CfnDeliveryStream.ProcessingConfigurationProperty(
                    enabled=True,
                    processors=[
                        firehose.CfnDeliveryStream.ProcessorProperty(
                            type="AppendDelimiterToRecord",
                            parameters=[
                                firehose.CfnDeliveryStream.ProcessorParameterProperty(
                                    parameter_name="Delimiter", parameter_value="\\n"
                                )
                            ],
                        )
                    ],
                ),
                cloud_watch_logging_options=firehose.CfnDeliveryStream.CloudWatchLoggingOptionsProperty(
                    enabled=True,
                    log_group_name=self.archive_log.log_group_name,
                    log_stream_name=log_stream.log_stream_name,
                ),
            ),
        )
        allow(
            stream,
            "AwsSolutions-KDF1",
            "Its source is an encrypted Kinesis stream; Firehose allows no server-side encryption of its own then.",
        )
        return stream

    def _missed_runs(self) -> sqs.Queue:
        return sqs.Queue(
            self,
            "MissedRuns",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self.data.key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )

    def _generator(self) -> lambda_.Function:
        rate = CfnParameter(
            self,
            "EventsPerMinute",
            type="Number",
            default=600,
            min_value=0,
            max_value=60000,
            description="Events that the mock platform sends each minute",
        )
        grants = [
            Grant(
                "PutRecords",
                ["kinesis:PutRecords", "kinesis:ListShards", "kinesis:DescribeStreamSummary"],
                [self.stream.stream_arn],
            ),
            actors.use_key(self.data.key),
            actors.write_logs("WriteLogs", self._group_arn(self.generator_log)),
            Grant("KeepFailedRuns", ["sqs:SendMessage"], [self.missed.queue_arn]),
        ]
        role = actors.role(
            self,
            "GeneratorRole",
            "lambda.amazonaws.com",
            grants,
            description="Moodstream: the generator puts records into one stream",
            guarded=False,
        )
        function = lambda_.Function(
            self,
            "Generator",
            runtime=lambda_.Runtime.PYTHON_3_11,
            architecture=lambda_.Architecture.X86_64,
            handler="handler.handler",
            code=lambda_.Code.from_bucket_v2(
                self.data.artefacts, f"releases/{self.release.value_as_string}/generator-lambda.zip"
            ),
            memory_size=256,
            timeout=Duration.seconds(90),
            role=role.without_policy_updates(),
            log_group=self.generator_log,
            environment={
                "STREAM_NAME": self.stream.stream_name,
                "EVENTS_PER_MINUTE": rate.value_as_string,
            },
            environment_encryption=self.data.key,
            dead_letter_queue=self.missed,
            # A retried minute has the same event ids, so refine drops the duplicates.
            retry_attempts=2,
        )
        self._reserve_concurrency(function)
        allow(function, "AwsSolutions-L1", "3.11 is what the project's tests run on, as do EMR and Glue.")
        allow_scan(
            function.node.default_child,
            "CKV_AWS_117",
            "It reaches Kinesis alone, which needs no private network.",
        )
        return function

    def _reserve_concurrency(self, function: lambda_.Function) -> None:
        """Bound the runs at once, if asked to: an account with a quota of 10 executions refuses every reservation."""
        most = CfnParameter(
            self,
            "GeneratorConcurrency",
            type="Number",
            default=0,
            min_value=0,
            max_value=100,
            description="Runs of the generator at once, reserved for it (0: no reservation; 2 where the quota allows)",
        )
        wanted = CfnCondition(
            self, "ReservesConcurrency", expression=Fn.condition_not(Fn.condition_equals(most.value_as_string, "0"))
        )
        cfn = function.node.default_child
        cfn.add_property_override(
            "ReservedConcurrentExecutions",
            {"Fn::If": [wanted.logical_id, {"Ref": most.logical_id}, {"Ref": "AWS::NoValue"}]},
        )
        allow_scan(cfn, "CKV_AWS_115", "A reservation fails where the account's quota is 10; it is a parameter.")

    def _group_arn(self, group: logs.LogGroup) -> str:
        return self.format_arn(
            service="logs",
            resource="log-group",
            resource_name=group.log_group_name,
            arn_format=actors.COLON,
        )

    def _schedule(self) -> events.Rule:
        rule = events.Rule(
            self,
            "EveryMinute",
            description="Moodstream: one generator run a minute",
            schedule=events.Schedule.rate(Duration.minutes(1)),
        )
        rule.add_target(
            targets.LambdaFunction(
                self.generator,
                dead_letter_queue=self.missed,
                # After a minute the next run is due, so a later start is given up.
                max_event_age=Duration.minutes(1),
                retry_attempts=2,
            )
        )
        return rule

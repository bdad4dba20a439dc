"""What EMR and Glue are told to start."""

from __future__ import annotations

import tomllib
from dataclasses import replace

from deploy.emr import arguments
from deploy.emr.arguments import Target
from deploy.emr.releases import DEFAULT, EMR_7, EMR_8
from deploy.glue import glue_job
from deploy.glue.arguments import STATIC, job_arguments
from deploy.local import jars
from streaming import settings

ARCHIVE = jars.ROOT / "requirements" / "streaming-environment.lock"
TARGET = Target(
    release="s3://artefacts/releases/1",
    lake="s3://lake",
    stream="events",
    region="eu-west-1",
    mlflow="https://mlflow.example.com",
    topic="topic-arn",
    copy_role="role-arn",
)


def test_the_streaming_job_understands_the_options_that_it_is_started_with() -> None:
    options = [part for pair in arguments.job_options(TARGET).items() for part in pair]
    understood = settings.from_command_line(options, {})
    assert understood.lake == "s3a://lake"
    assert understood.kinesis_connector == "aws"
    assert understood.staging == "s3://lake/staging"
    assert understood.alerts_topic == "topic-arn"


def test_facts_and_aggregates_are_loaded_at_the_same_pace() -> None:
    options = arguments.job_options(replace(TARGET, load_every=240.0))
    assert (options["--load-trigger"], options["--serve-interval"]) == ("240", "240")


def test_glue_passes_on_every_option_of_the_job() -> None:
    assert {name.removeprefix("--") for name in arguments.job_options(TARGET)} <= set(glue_job.OPTIONS)


def test_every_spark_setting_has_a_reason() -> None:
    for entry in tomllib.loads(arguments.SETTINGS.read_text())["setting"]:
        assert len(entry["reason"]) > 30, entry["name"]


def test_emr_serverless_restarts_the_stream_by_itself() -> None:
    request = arguments.job_run(TARGET, application="app", role="role")
    assert request["mode"] == "STREAMING"
    assert request["retryPolicy"] == {"maxFailedAttemptsPerHour": 5}


def test_driver_and_executors_import_from_the_unpacked_archive() -> None:
    options = arguments.spark_submit_options(TARGET, "emr-serverless")
    assert "spark.archives=s3://artefacts/releases/1/streaming-environment.tar.gz#environment" in options
    for process in ("spark.emr-serverless.driverEnv", "spark.executorEnv"):
        assert f"{process}.PYTHONPATH=./environment/site-packages" in options


def test_code_travels_as_a_zip_because_workers_do_not_import_wheels() -> None:
    options = arguments.spark_submit_options(TARGET, "yarn")
    assert options[options.index("--py-files") + 1].split(",")[0].endswith("moodstream.zip")


def test_emr_and_glue_take_the_connector_of_the_release_and_not_the_one_that_emr_has() -> None:
    jar = "s3://artefacts/releases/1/jars/spark-streaming-sql-kinesis-connector.jar"
    for platform in ("emr-serverless", "yarn"):
        options = arguments.spark_submit_options(TARGET, platform)
        assert options[options.index("--jars") + 1].split(",")[0] == jar
        assert "/usr/share/aws/kinesis" not in " ".join(options)
    assert job_arguments(TARGET)["--extra-jars"] == jar


def test_an_ec2_cluster_runs_the_driver_inside_and_forgets_failures_after_an_hour() -> None:
    step = arguments.step(TARGET)
    given = step["HadoopJarStep"]["Args"]  # type: ignore[index]
    assert given[:3] == ["spark-submit", "--deploy-mode", "cluster"]
    assert "spark.yarn.am.attemptFailuresValidityInterval=1h" in given


def test_glue_chains_its_settings_in_one_argument() -> None:
    chained = job_arguments(TARGET)["--conf"].split(" --conf ")
    given = dict(setting.split("=", 1) for setting in chained)
    assert given == {**STATIC, **arguments.spark_settings("glue")}


def test_the_lake_s_key_is_named_wherever_s3a_encrypts() -> None:
    target = replace(TARGET, key="arn:aws:kms:eu-west-1:123456789012:key/k")
    for options in (arguments.spark_submit_options(target, "emr-serverless"), job_arguments(target)["--conf"].split()):
        assert f"spark.hadoop.fs.s3a.encryption.key={target.key}" in options
    assert "encryption" not in " ".join(arguments.spark_submit_options(TARGET, "emr-serverless"))


def test_emr_7_is_the_default_and_emr_8_has_the_spark_whose_jars_are_locked() -> None:
    assert DEFAULT == EMR_7
    sets = {jar.set_name: jar.artifact for jar in jars.locked() if jar.artifact.startswith("delta-spark")}
    assert sets == {
        f"core-{EMR_7.spark}": f"delta-spark_{EMR_7.scala}",
        f"core-{EMR_8.spark}": f"delta-spark_{EMR_8.scala}",
    }


def test_on_emr_8_only_the_connector_s_jar_differs() -> None:
    for platform in ("emr-serverless", "yarn"):
        seven = " ".join(arguments.spark_submit_options(TARGET, platform))
        eight = " ".join(arguments.spark_submit_options(replace(TARGET, emr=EMR_8), platform))
        assert EMR_7.connector in seven
        assert EMR_7.connector not in eight
        assert eight == seven.replace(EMR_7.connector, EMR_8.connector)


def test_glue_keeps_the_connector_for_its_own_spark_whatever_emr_has() -> None:
    assert job_arguments(replace(TARGET, emr=EMR_8)) == job_arguments(TARGET)


def test_the_tests_on_spark_4_run_with_the_same_packages_but_for_spark() -> None:
    ours, theirs = (
        {line for line in (jars.ROOT / lock).read_text().splitlines() if "==" in line}
        for lock in ("requirements.lock", "requirements/spark4.lock")
    )
    assert {line.split("==")[0] for line in ours ^ theirs} == {"pyspark", "py4j"}
    assert f"pyspark=={EMR_8.spark}." in " ".join(theirs)


def test_the_archives_bring_no_spark_of_their_own_and_what_spark_4_demands() -> None:
    pins = dict(line.split()[0].split("==") for line in ARCHIVE.read_text().splitlines() if "==" in line)
    assert not {"pyspark", "delta-spark", "py4j"} & {*pins}
    # What pyspark 4.0 demands at least, for pandas UDFs.
    assert (2, 0) <= tuple(map(int, pins["pandas"].split(".")[:2])) < (3, 0)
    assert int(pins["pyarrow"].split(".")[0]) >= 11

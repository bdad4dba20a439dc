"""Settings: what is accepted, what is refused, and how it is said."""

from __future__ import annotations

import pytest

from streaming.errors import SettingsError
from streaming.settings import from_command_line

NEEDED = ["--lake", "/lake", "--stream", "events"]


def test_options_have_defaults_beside_lake_and_stream() -> None:
    settings = from_command_line(NEEDED, {})
    assert (settings.table("silver/posts"), settings.checkpoint("refine")) == (
        "/lake/silver/posts",
        "/lake/_checkpoints/refine",
    )


def test_the_environment_serves_where_no_option_is_given() -> None:
    environ = {"MOODSTREAM_LAKE": "s3a://lake/", "MOODSTREAM_STREAM": "events", "MOODSTREAM_LOAD_TRIGGER": "9"}
    settings = from_command_line(["--stream", "other"], environ)
    assert (settings.lake, settings.stream, settings.load_trigger) == ("s3a://lake", "other", 9.0)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required: --lake, --stream"),
        ([*NEEDED, "--hops", "ingest,polish"], "received 'ingest,polish', expected a list of ingest"),
        ([*NEEDED, "--load-trigger", "-1"], "received '-1', expected seconds"),
        ([*NEEDED, "--shadow-share", "10"], "received '10', expected a share from 0 to 1"),
        ([*NEEDED, "--drift-share", "-1"], "received '-1', expected a share from 0 to 1"),
        ([*NEEDED, "--kinesis-connector", "kcl"], "invalid choice: 'kcl'"),
        ([*NEEDED, "--warehouse", "oracle://x/y"], "received 'oracle', expected a URL that begins with postgresql://"),
        ([*NEEDED, "--warehouse", "redshift://group/dev"], "--staging: missing"),
        ([*NEEDED, "--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_wrong_use_says_what_was_received_and_expected(argv: list[str], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        from_command_line(argv, {})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MOODSTREAM_KINESIS_CONNECTOR", "awslabs", "received 'awslabs', expected one of aws, qubole"),
        ("MOODSTREAM_STARTING_POSITION", "latest", "received 'latest', expected one of TRIM_HORIZON, LATEST"),
        ("MOODSTREAM_SHADOW_SHARE", "10", "received '10', expected a share from 0 to 1"),
        ("MOODSTREAM_MAX_FILES_PER_BATCH", "many", "received 'many', expected a whole number from 1 on"),
        ("MOODSTREAM_HOPS", "polish", "received 'polish', expected a list of ingest"),
    ],
)
def test_a_variable_passes_the_same_checks_as_its_option(variable: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        from_command_line(NEEDED, {variable: value})
    assert str(error.value).startswith(f"{variable}: {message}")


def test_a_wrong_variable_does_no_harm_where_the_option_takes_its_place() -> None:
    wrong = {"MOODSTREAM_KINESIS_CONNECTOR": "awslabs"}
    assert from_command_line([*NEEDED, "--kinesis-connector", "aws"], wrong).kinesis_connector == "aws"


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError) as error:
        from_command_line([*NEEDED, "--warehouse", "postgresql://me:hunter2@host/db"], {})
    assert "hunter2" not in str(error.value)


def test_the_password_is_not_shown() -> None:
    settings = from_command_line(NEEDED, {"MOODSTREAM_WAREHOUSE_PASSWORD": "hunter2"})
    assert settings.warehouse_password == "hunter2"
    assert "hunter2" not in repr(settings)

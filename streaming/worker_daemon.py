"""The parent of Spark's Python workers, in place of `pyspark.daemon` (setting `spark.python.daemon.module`).

It differs in what each task would pay for otherwise. Spark puts its own jar on the workers' path, and PySpark has every
task forget what importers know: each then read the jar's directory again, 30 ms in Python. And each task ends with a
full collection: what was imported before the fork is left out of it, and need not be imported again.
"""

from __future__ import annotations

import gc
import sys


def prepare() -> None:
    """What workers inherit: a path without jars, and the libraries that every hop's tasks use."""
    sys.path[:] = [place for place in sys.path if not place.endswith(".jar")]
    for place in [place for place in sys.path_importer_cache if place.endswith(".jar")]:
        del sys.path_importer_cache[place]
    import mlflow.pyfunc  # noqa: F401
    import pandas as pd  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    from pyspark.daemon import manager

    prepare()
    manager()  # type: ignore[no-untyped-call]

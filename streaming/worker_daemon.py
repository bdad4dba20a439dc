"""The parent of Spark's Python workers, in place of `pyspark.daemon` (setting `spark.python.daemon.module`).

It differs in what each task would pay for otherwise. Spark puts its jar and its own copy of PySpark, zip files both, on
the workers' path, and PySpark has every task forget what importers know: each then read the directories of the zip
files again, in Python, which took a third of the workers' CPU. And each task ends with a full collection: what was
imported before the fork is left out of it, and need not be imported again.
"""

from __future__ import annotations

import gc
import sys
from importlib.machinery import PathFinder

JAR, ZIP = ".jar", ".zip"


def prepare() -> None:
    """What workers inherit: a path without zip files, and the libraries that every hop's tasks use.

    To be called before PySpark is imported, which would else come from the zip file and bring its importer back.
    """
    drop_archives()
    # The imports make a million objects and hardly any garbage; looking for it took most of their time.
    gc.disable()
    import mlflow.pyfunc  # noqa: F401
    import pandas as pd  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pyspark.worker  # noqa: F401

    gc.enable()
    gc.collect()
    gc.freeze()


def drop_archives() -> None:
    """Take zip files off the path and forget their importers; those that hold the only PySpark stay."""
    kept = [place for place in sys.path if not place.endswith((JAR, ZIP))]
    if any(PathFinder.find_spec(name, kept) is None for name in ("pyspark", "py4j")):
        kept = [place for place in sys.path if not place.endswith(JAR)]
    dropped = {*sys.path} - {*kept}
    sys.path[:] = kept
    for place in [place for place in sys.path_importer_cache if place in dropped or place.endswith(JAR)]:
        del sys.path_importer_cache[place]


if __name__ == "__main__":
    prepare()
    from pyspark.daemon import manager

    manager()  # type: ignore[no-untyped-call]

"""`moodstream bench scoring`: rows a second through Spark, parquet to parquet, champion and baselines in one run.

Every contender reads the same file on the same cores, scores each row and writes its result to parquet. Each runs once
to warm up (imports, model loading, JIT), then all take turns for some rounds; the median round counts. The texts are
the labelled tweets that `make setup` installs, repeated to fill the rows. Each gets a mention and a link that occur
once, so that no contender can answer a whole text from a cache. With `--cold` no word of four letters or more occurs
twice either, within a round or between rounds: what the first minutes of a stream, or a new topic, cost at worst.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.local.errors import UsageError
from harness.arguments import Parser
from harness.bench.texts import texts_of_round

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

EPILOG = """examples:
  moodstream bench scoring
  moodstream bench scoring --rows 400000 --rounds 5 --json
  moodstream bench scoring --cold
"""
SCORE = "sentiment string, polarity double, confidence double"
Contender = Callable[["DataFrame"], "DataFrame"]


def run(
    rows: int = 200_000,
    *,
    rounds: int = 3,
    cores: int = 2,
    distinct: bool = True,
    cold: bool = False,
    workdir: Path | None = None,
    environ: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure, see the module. `rates`: rows a second of the median round; `spread`: of the slowest and fastest."""
    if rows < 1000 or rounds < 1 or cores < 1:
        raise UsageError("--rows is at least 1000, --rounds and --cores at least 1")
    if cold and not distinct:
        raise UsageError("--cold makes every text different and --repeat lets texts repeat: give one of them")
    folder = _champion_folder(workdir, environ or os.environ, progress)
    with tempfile.TemporaryDirectory(prefix="moodstream-bench-") as scratch:
        spark = _session(cores, Path(scratch))
        try:
            # Python workers live through all rounds, and with them their caches: cold texts are new in each round.
            sources = [f"{scratch}/texts-{number}.parquet" for number in range(rounds + 1 if cold else 1)]
            for number, source in enumerate(sources):
                made = texts_of_round(rows, number, distinct=distinct, cold=cold)
                _write_texts(spark, made, source, cores=cores)
            contenders = _contenders(spark, sources[0], str(folder))
            times = _take_turns(spark, contenders, sources, Path(scratch), rounds, progress)
        finally:
            spark.stop()
    rates = {name: round(rows / statistics.median(seconds)) for name, seconds in times.items()}
    return {
        "rows": rows,
        "rates": rates,
        "champion_over_vader": round(rates["champion"] / rates["vader"], 2),
        "champion_over_arrow_floor": round(rates["champion"] / rates["arrow_floor"], 2),
        "spread": {name: [round(rows / max(found)), round(rows / min(found))] for name, found in times.items()},
        "rounds": rounds,
        "cores": cores,
        "distinct_texts": distinct,
        "cold": cold,
    }


def _take_turns(
    spark: SparkSession,
    contenders: Mapping[str, Contender],
    sources: Sequence[str],
    scratch: Path,
    rounds: int,
    progress: Callable[[str], None],
) -> dict[str, list[float]]:
    """Run all contenders in each round, on the round's source or the only one.

    Returns the seconds of each round after the warm-up, by contender.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            begun = time.perf_counter()
            scored = contender(spark.read.parquet(sources[number % len(sources)]))
            scored.write.mode("overwrite").parquet(str(scratch / "out"))
            seconds = time.perf_counter() - begun
            progress(f"{'warm-up' if number == 0 else f'round {number}'}: {name} {seconds:.1f} s")
            if number:
                times[name].append(seconds)
    return times


def _contenders(spark: SparkSession, source: str, model: str) -> dict[str, Contender]:
    import mlflow.pyfunc
    from pyspark.sql import functions as F
    from pyspark.sql.types import FloatType

    from harness.bench import udfs

    pandas_udf: Any = F.pandas_udf  # type: ignore[attr-defined]

    text = F.col("text")
    through_mlflow = mlflow.pyfunc.spark_udf(spark, model, result_type=SCORE, env_manager="local")

    def column(expression: Column) -> Contender:
        return lambda frame: frame.select("id", expression.alias("score"))

    return {
        "champion": column(pandas_udf(udfs.champion(model), SCORE)(text)),
        "vader": column(F.udf(udfs.vader, FloatType())(text)),
        "textblob": column(F.udf(udfs.textblob, FloatType())(text)),
        "arrow_floor": column(pandas_udf(udfs.length, "long")(text)),
        "passthrough": lambda frame: frame.select("id", "text"),
        "spark_ml": _spark_ml(spark, source),
        "mlflow_spark_udf": column(through_mlflow(F.struct(text))),
    }


def _spark_ml(spark: SparkSession, source: str) -> Contender:
    """Spark's own tokenizer, hashing and logistic regression, all in the JVM."""
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import HashingTF, Tokenizer

    stages: list[Any] = [
        Tokenizer(inputCol="text", outputCol="words"),
        HashingTF(inputCol="words", outputCol="features", numFeatures=1 << 18),
        LogisticRegression(labelCol="label", maxIter=5),
    ]
    # Any labels will do: the speed of scoring does not depend on its quality.
    sample = spark.read.parquet(source).limit(5000).selectExpr("text", "id % 3 AS label")
    fitted = Pipeline(stages=stages).fit(sample)
    return lambda frame: fitted.transform(frame).select("id", "prediction")


def _write_texts(spark: SparkSession, texts: Sequence[str], path: str, *, cores: int) -> None:
    import pandas as pd

    frame = pd.DataFrame({"id": range(len(texts)), "text": texts})
    spark.createDataFrame(frame).repartition(2 * cores).write.parquet(path)


def _champion_folder(workdir: Path | None, environ: Mapping[str, str], progress: Callable[[str], None]) -> Path:
    from model import settings
    from model.champion import champion_folder
    from model.training.register import ensure_champion

    chosen = settings.from_options(argparse.Namespace(mlflow_uri=None, workdir=workdir), environ)
    ensure_champion(chosen, progress)
    return champion_folder(chosen)[1]


def _session(cores: int, scratch: Path) -> SparkSession:
    from pyspark.sql import SparkSession

    from deploy.local.jars import java_home

    os.environ.setdefault("JAVA_HOME", str(java_home()))
    os.environ["PYSPARK_PYTHON"] = sys.executable
    # Workers unpickle `udfs` by name.
    root = str(Path(__file__).resolve().parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    builder = (
        SparkSession.builder.appName("moodstream-bench")
        .master(f"local[{cores}]")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.warehouse.dir", str(scratch / "warehouse"))
        .config("spark.local.dir", str(scratch))
    )
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Measure and print; returns 0. Raises LocalError or ModelError."""
    parser = Parser(
        "moodstream bench scoring",
        "Rows a second of the champion in Spark against baselines, in one run.",
        EPILOG,
    )
    parser.add_argument("--rows", type=int, default=200_000, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--cores", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--repeat", action="store_true", help="let texts repeat, without unique mentions and links")
    parser.add_argument("--cold", action="store_true", help="texts of words that were not seen before")
    parser.add_argument("--workdir", type=Path, help="working directory whose registry has the champion")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    given = parser.parse_args(list(argv))

    def progress(message: str) -> None:
        sys.stderr.write(f"{message}\n")

    found = run(
        given.rows,
        rounds=given.rounds,
        cores=given.cores,
        distinct=not given.repeat,
        cold=given.cold,
        workdir=given.workdir,
        environ=environ,
        progress=progress,
    )
    sys.stdout.write(json.dumps(found) + "\n" if given.json else _table(found))
    return 0


def _table(found: Mapping[str, Any]) -> str:
    vader = found["rates"]["vader"]
    kind = "cold texts" if found["cold"] else "texts"
    lines = [f"{found['rows']} {kind}, {found['cores']} cores, median of {found['rounds']} rounds"]
    ranked = sorted(found["rates"].items(), key=lambda pair: -pair[1])
    lines += [f"{name:18}{rate:>10,} rows/s{rate / vader:>8.2f} x VADER" for name, rate in ranked]
    return "\n".join(lines) + "\n"

"""The lineage of a real query: what a catalog is told of the tables that Spark reads and delta-rs writes."""

from __future__ import annotations

from pathlib import Path

from deltalake import DeltaTable
from pyspark.sql import SparkSession

from streaming import batch_record
from streaming.alerts.lineage import open_lineage
from streaming.hops import refine
from streaming.metrics import QueryMetrics
from streaming.settings import Settings
from streaming.sinks.silver import Silver
from streaming.tables import bronze_events
from tests.builders import a_bronze_row, a_record
from tests.fake_champion import FakeChampion
from tests.patience import wait_until
from tests.simulators.catalog import serving


def test_a_batch_of_refine_names_the_versions_of_bronze_and_silver(
    spark: SparkSession, empty_lake: Path, tmp_path: Path
) -> None:
    settings = Settings(str(empty_lake), str(tmp_path / "checkpoints"), "events", refine_trigger=0.1)
    rows = spark.createDataFrame([a_bronze_row(a_record(event_id="a"))], bronze_events.SCHEMA)
    rows.write.format("delta").mode("append").save(settings.table("bronze/events"))
    with serving() as catalog:
        lineage = open_lineage(settings, catalog.url)
        listener = QueryMetrics(lineage)
        spark.streams.addListener(listener)
        query = refine.start(spark, settings, lambda *_: Silver(spark, settings, FakeChampion()))  # type: ignore[arg-type]
        try:
            [run] = wait_until(lambda: catalog.ended("refine"), "the lineage of a batch")
        finally:
            query.stop()
            spark.streams.removeListener(listener)
            lineage.close()
            batch_record.observe(None)
        assert catalog.refused == []

    told = {
        each["name"]: int(each["facets"]["version"]["datasetVersion"]) for each in (*run["inputs"], *run["outputs"])
    }
    names = ("bronze/events", "silver/posts")
    assert told == {settings.table(name): DeltaTable(settings.table(name)).version() for name in names}
    assert run["inputs"][0]["inputFacets"]["inputStatistics"]["rowCount"] == 1

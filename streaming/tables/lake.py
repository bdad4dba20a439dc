"""The names of every table of a lake."""

from __future__ import annotations

from streaming.tables import (
    bronze_erased,
    catalog,
    gold_cost_by_minute,
    gold_drift_by_hour,
    gold_incidents,
    gold_labelled_by_hour,
    gold_shadow_by_hour,
    silver_former_versions,
    silver_item_index,
    silver_labels,
    silver_quarantined,
    silver_rescored,
    silver_retracted,
)

# What the hops `observe` and `watch` write.
OBSERVED = (
    gold_drift_by_hour.NAME,
    gold_shadow_by_hour.NAME,
    gold_labelled_by_hour.NAME,
    gold_incidents.NAME,
    gold_cost_by_minute.NAME,
)
OPERATED = (bronze_erased.NAME, silver_rescored.NAME, silver_labels.NAME, silver_quarantined.NAME)
OF_RETRACT = (silver_item_index.NAME, silver_retracted.NAME, silver_former_versions.NAME)
NAMES = (*catalog.APPENDED, *(table.name for table in catalog.KEYED), *OBSERVED, *OPERATED, *OF_RETRACT)

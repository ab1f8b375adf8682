"""Compacts the lake and drops files past their retention.

Runs every night. Bronze is compacted by delta-rs and silver and gold by Spark, each being the only writer of its tables
(ADR 0002), and only partitions that nothing writes any more are touched. Nothing waits for it: if it fails, queries get
slower, not wrong; the next night does what was left.
"""

from dags.kit.dag import lakehouse_dag  # Airflow reads only files that name it
from dags.kit.operator import submit
from dags.kit.schedules import nightly

with lakehouse_dag("lake_maintenance", doc=__doc__, owner="platform", tier="tier_3", schedule=nightly()):
    submit("compact_bronze")
    submit("optimize_lake")

"""A day's raw market data becomes bars and returns.

Runs on weekdays two hours after the US close, once for each business date (the run's partition key). It reads what has
landed in bronze, publishes silver bars and ticks, from them `gold.returns_daily_v1` and `gold.bars_1m_v1`, and copies
these to ClickHouse. As soon as the returns of a day are there, `risk_daily` starts: risk does not wait for ticks.

**If it fails**: the task's log ends with the job's own message. A wrong row never fails it: such rows go to
`silver.rejected_rows_v1` with their reason. Clear the failed task, or trigger the DAG again with the same partition
key: every job replaces its own partition, so that running it twice changes nothing.

**If its tasks are skipped**: the exchange was closed on that day.
"""

from airflow.sdk import chain

from dags.kit.dag import lakehouse_dag
from dags.kit.operator import submit
from dags.kit.schedules import after_us_close

with lakehouse_dag("market_daily", doc=__doc__, owner="market-data", tier="tier_1", schedule=after_us_close()):
    returns, bars = submit("returns_daily"), submit("bars_1m")
    silver, ticks = submit("silver_daily_bars"), submit("silver_ticks")
    chain(silver, returns)
    chain(ticks, bars)
    chain([silver, ticks], submit("quality_daily"))
    chain([returns, bars], submit("publish_marts"))

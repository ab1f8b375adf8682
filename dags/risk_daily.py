"""Every portfolio's VaR, expected shortfall and backtest of a day, its stress and its gain explained, in ClickHouse.

Has no clock: Airflow starts it for a business date as soon as `market_daily` has published every table of that day that
these jobs compute with. Positions are copied first, so that the numbers can be recomputed after somebody has traded.

**If it does not start**: look at the assets' partitions in the UI; an awaited table lacks the day. It can be triggered
by hand with the day as partition key.

**If it fails**: the task's log ends with the job's own message. What one portfolio holds without a close, or with too
short a history, is a row with the reason, never a VaR of zero, and no failure; where that is so of all portfolios,
`var_batch` fails.
"""

from airflow.sdk import chain

from dags.kit.dag import lakehouse_dag
from dags.kit.operator import submit
from dags.kit.schedules import when_published

COMPUTES = ("positions_daily", "var_batch", "stress_explain")

with lakehouse_dag("risk_daily", doc=__doc__, owner="risk", tier="tier_1", schedule=when_published(COMPUTES)):
    positions, *measures = map(submit, COMPUTES)
    chain(positions, measures, submit("publish_marts"))

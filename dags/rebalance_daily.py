"""What to trade in every portfolio that is due, computed as soon as the day's positions and returns are there.

Has no clock: Airflow starts it for a business date when `risk_daily` has copied the positions and `market_daily` has
published the returns of that day. That is the evening before the trading day on which the proposals are for; at 5:00
of that day, the usual hour elsewhere, they would be computed with the same closes. `rebalance_daily` reads the policies
that are due (overdue ones, too), `deliver_proposals` copies its proposals to PostgreSQL, where their owners read them
by `GET /api/v1/proposals`, and moves each policy's next date on.

**If a portfolio has no proposal**: it has no enabled policy, or is not due. A proposal that keeps the weights says why
in `reasons`: limits that contradict each other, a solver that failed, a price that is missing.

**If it fails**: clear the failed task, or trigger the DAG with the day as partition key. Both jobs replace what they
wrote for that day.
"""

from airflow.sdk import chain

from dags.kit.dag import lakehouse_dag
from dags.kit.operator import submit
from dags.kit.schedules import when_published

PROPOSES = ("rebalance_daily", "deliver_proposals")

with lakehouse_dag("rebalance_daily", doc=__doc__, owner="portfolio", tier="tier_1", schedule=when_published(PROPOSES)):
    proposed, delivered = map(submit, PROPOSES)
    chain(proposed, [delivered, submit("publish_marts")])

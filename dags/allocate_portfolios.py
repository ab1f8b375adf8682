"""Weights for every portfolio that waits for them, is due or overdue.

Runs at 5:00 in New York from Monday to Friday (`TIDEMARK_ALLOCATION__SWEEP`), and whenever the API tells it that
somebody waits: a portfolio or an objective was made or changed, or its owner has asked. `rebalance_daily` proposes on
the evening before for whoever is due then; this is the net below it, and the way of those who do not want to wait.

**If a portfolio stays pending**: this has not run since, or skipped because there are no closes in the lake yet.
**If it fails**: an engine did not answer; clear the task, or wait: what is pending is told to it again after ten
minutes. A portfolio without a solution fails nothing here: `GET /api/v1/portfolios/ID/allocation` has its reason.
"""

from dags.kit.dag import lakehouse_dag  # Airflow reads only files that name it
from dags.kit.operator import submit
from dags.kit.schedules import allocation_sweep

with lakehouse_dag("allocate_portfolios", doc=__doc__, owner="portfolio", tier="tier_1", schedule=allocation_sweep()):
    submit("allocate_portfolios")

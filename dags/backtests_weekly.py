"""Backtests of every configured strategy over the last ten years, each Saturday.

Tries every variant of `spark_jobs/strategy_backtests/parameters.py`, walks the parameters forward, proves that no
strategy looks ahead and that both engines agree, writes `gold.strategy_runs_v1` with what each Sharpe ratio is worth
after all trials, equity and trades of the best, and logs all of it to MLflow with a report. ClickHouse gets the copies:
`SELECT * FROM strategies_latest`.

**If it fails** with "sees the future" or "gears": a strategy or the engine was changed for the worse, nothing was
published; revert it. If MLflow did not answer, the results are published already: clear the task, and only the logging
is done again.
"""

from airflow.sdk import chain

from dags.kit.dag import lakehouse_dag  # Airflow reads only files that name it
from dags.kit.operator import submit
from dags.kit.schedules import weekly

with lakehouse_dag("backtests_weekly", doc=__doc__, owner="research", tier="tier_1", schedule=weekly()):
    chain(submit("strategy_backtests"), submit("publish_marts"))

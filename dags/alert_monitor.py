"""Looks at every alert rule by the newest prices, and tells what the hot process has missed.

Runs every quarter of an hour: the net below `streaming.hot`, which judges the same rules tick by tick, and a comparison
with it. What is broken at two looks and was not told becomes an alert of `source` monitor, once; `alerting.verdict` has
what was found of each rule. Rules that need a past are judged by what is known of it: trailing stops by bars since they
were armed, drawdown by values at closes since, the day's loss by the last trades before the day, value at risk as the
hot process does. Each rule that cannot be judged says why, in its verdict and, by kind, in the log (`not_judged`).

**If it fails** with `alert_missed`, the owners were told, late: the hot process is away, behind, or does not get the
prices that are in PostgreSQL. `tidemark status` and `tidemark logs hot` say which. No retry mends it; the next run
succeeds unless more was missed.
"""

from dags.kit.dag import lakehouse_dag  # Airflow reads only files that name it
from dags.kit.operator import submit
from dags.kit.schedules import quarter_hourly

with lakehouse_dag("alert_monitor", doc=__doc__, owner="risk", tier="tier_1", schedule=quarter_hourly()):
    submit("alert_monitor")

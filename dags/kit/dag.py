"""A DAG with the platform's rules: documented, owned, tiered, one run at a time, no catching up."""

from datetime import timedelta

from airflow.sdk import DAG
from airflow.sdk.bases.timetable import BaseTimetable

TIERS = frozenset({"tier_1", "tier_2", "tier_3"})
"""How bad a failure is: 1 people decide on its numbers today, 2 this week, 3 nobody notices for a while."""
RUN_TIMEOUT = timedelta(hours=6)


def lakehouse_dag(
    dag_id: str,
    *,
    doc: str | None,
    owner: str,
    tier: str,
    schedule: BaseTimetable,
    timeout: timedelta = RUN_TIMEOUT,
) -> DAG:
    """A DAG to fill in a with statement; `doc` is the file's docstring. One run at a time, because runs for two days of
    one year write the same partition of a yearly table. Raises ValueError for a missing docstring or unknown tier."""
    if not doc or tier not in TIERS:
        raise ValueError(f"DAG {dag_id} needs a docstring and a tier of {', '.join(sorted(TIERS))}")
    return DAG(
        dag_id=dag_id,
        description=doc.strip().splitlines()[0].rstrip("."),
        doc_md=doc,
        schedule=schedule,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timeout,
        default_args={"owner": owner},
        tags=sorted({tier, owner}),
    )
